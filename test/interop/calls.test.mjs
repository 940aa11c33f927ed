// Services and pools in Rust, and Node programs at their other end: JSON-RPC by hand, vscode-jsonrpc, and the pool of the
// npm package.
import assert from 'node:assert';
import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { artifact } from '../artifacts.mjs';
import { TIER } from '../cells.mjs';
import { modules as languages } from '../node/calls/npm/index.mjs';
import { commandLine, runtimes } from '../runtimes/index.mjs';
import { EveryNode } from './every-node.mjs';
import { modules } from './npm/index.mjs';

const worker = artifact('calls-worker');
const pool = artifact('calls-pool');
const peer = artifact('calls-peer');
const script = (name) => join(import.meta.dirname, 'calls', name);
const run = promisify(execFile);

const suite = new EveryNode();

for (const driver of ['blocking', 'tokio']) {
  for (const serialization of ['json', 'advanced']) {
    suite.test(`a Node parent calls a service (${driver}, ${serialization})`, {}, async (t, { bin }) => {
      const parent = spawn(bin, [script('behaviours.cjs'), worker, driver, serialization], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = new Promise((resolve) => parent.on('exit', resolve));
      let count = 0;
      for await (const line of createInterface({ input: parent.stdout })) {
        const { name, detail } = JSON.parse(line);
        count += 1;
        await t.test(name, () => assert.strictEqual(detail, undefined, detail));
      }
      assert.strictEqual(await ended, 0);
      assert.ok(count > 20);
    });

    suite.test(`the pool of the npm package calls a service (${driver}, ${serialization})`, {}, async (_, { bin }) => {
      await run(bin, [script('package.cjs'), worker, driver, serialization], { timeout: 60_000 });
    });

    suite.test(`uploads and handles, both ways (${driver}, ${serialization})`, {}, async (_, { bin }) => {
      await run(bin, [script('uploads.cjs'), worker, driver, serialization], { timeout: 60_000 });
    });

    suite.test(`vscode-jsonrpc calls a service (${driver}, ${serialization})`, {}, async (_, { bin }) => {
      await run(bin, [script('vscode.cjs'), modules, worker, driver, serialization], { timeout: 60_000 });
    });
  }
}

for (const driver of ['blocking', 'tokio']) {
  for (const serialization of ['json', 'advanced']) {
    for (const name of ['plain.cjs', 'vscode.cjs']) {
      suite.test(
        `a pool calls workers that others wrote (${driver}, ${name}, ${serialization})`,
        {},
        async (_, { bin }) => {
          await run(pool, [driver, 'plain', bin, serialization, script(name), modules], { timeout: 60_000 });
        },
      );
    }
    suite.test(`a pool calls workers of the npm package (${driver}, ${serialization})`, {}, async (_, { bin }) => {
      await run(pool, [driver, 'serve', bin, serialization, script('serve.mjs')], { timeout: 60_000 });
    });
    // Each driver and each serialization once: these take several seconds.
    const isQuick = (driver === 'blocking') === (serialization === 'json');
    if (TIER !== 'full' && !isQuick) continue;
    suite.test(
      `no call is lost with a worker, wherever it dies (${driver}, ${serialization})`,
      {},
      async (_, { bin }) => {
        const dies = join(import.meta.dirname, '../node/calls/workers/dies.cjs');
        await run(pool, [driver, 'deaths', bin, serialization, dies], { timeout: 120_000 });
      },
    );
  }
}

for (const driver of ['blocking', 'tokio']) {
  for (const serialization of ['json', 'advanced']) {
    for (const name of ['plain.cjs', 'vscode.cjs']) {
      suite.test(
        `a parent and one program that others wrote (${driver}, ${name}, ${serialization})`,
        {},
        async (_, { bin }) => {
          await run(peer, [driver, 'plain', bin, serialization, script(name), modules], { timeout: 60_000 });
        },
      );
    }
    for (const kind of ['serve', 'connect']) {
      suite.test(
        `a parent and one program of the npm package (${driver}, ${kind}, ${serialization})`,
        {},
        async (_, { bin }) => {
          await run(peer, [driver, kind, bin, serialization, script(`${kind}.mjs`)], { timeout: 60_000 });
        },
      );
    }
  }
}

for (const serialization of ['json', 'advanced']) {
  suite.test(`calls with the workers of a cluster (${serialization})`, {}, async (_, { bin }) => {
    await run(peer, ['tokio', 'cluster', bin, serialization, script('cluster_worker.mjs')], { timeout: 60_000 });
  });
}

for (const [name, ...more] of [['language_server'], ['calls-language-server', 'slow']]) {
  suite.test(`an editor starts ${name} as it starts any language server`, {}, async (_, { bin }) => {
    await run(bin, [script('editor.cjs'), languages, artifact(name), ...more], { timeout: 60_000 });
  });
}

suite.test('a pool calls a server made with vscode-languageserver', {}, async (_, { bin }) => {
  const server = join(import.meta.dirname, '../node/calls/lsp/language-server.cjs');
  const env = { ...process.env, CROSSFORK_TEST_MODULES: languages };
  await run(artifact('calls-language-client'), [bin, server], { timeout: 60_000, env });
});

suite.register();

for (const runtime of runtimes.filter(({ kind }) => kind !== 'node')) {
  test(`${runtime.name}: uploads, both ways`, async () => {
    const args = commandLine(runtime, script('uploads.cjs'), [worker, 'tokio', 'json']);
    await run(runtime.bin, args, { timeout: 60_000 });
  });

  // Their `advanced` is another one than Node's.
  for (const driver of ['blocking', 'tokio']) {
    test(`a pool calls workers of the npm package in ${runtime.name} (${driver})`, async () => {
      await run(pool, [driver, 'serve', runtime.bin, 'json', script('serve.mjs')], { timeout: 60_000 });
    });

    test(`a parent and one program of the npm package in ${runtime.name} (${driver})`, async () => {
      await run(peer, [driver, 'serve', runtime.bin, 'json', script('serve.mjs')], { timeout: 60_000 });
    });
  }
}
