// The examples that start Node, as a user runs them, on every Node.
import assert from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { runtimes } from '../runtimes/index.mjs';

const { build } = createRequire(import.meta.url)('../../js/build.cjs');

const ROOT = join(import.meta.dirname, '../..');
const DEADLINE = { timeout: 60_000 };
const examples = {
  drive_node: build({ example: 'drive_node' }),
  hand_over: build({ example: 'hand_over' }),
  render_pool: build({ example: 'render_pool', features: ['tokio'] }),
  primary: build({ example: 'primary', features: ['tokio'] }),
};
const clusterWorker = build({ example: 'cluster_worker', features: ['tokio'] });

describe('examples', { concurrency: 2 }, () => {
  const nodes = runtimes.filter(({ kind }) => kind === 'node');
  const modes = [
    ['json', []],
    ['advanced', ['--advanced']],
  ];
  for (const [runtime, [mode, options]] of nodes.flatMap((runtime) => modes.map((mode) => [runtime, mode]))) {
    test(`drive_node, ${mode}: ${runtime.name} answers, and ends with its channel`, DEADLINE, async (t) => {
      const { code, output } = await start(t, runtime, 'drive_node', options).end();
      assert.strictEqual(code, 0, output);
      const [, pid] = /^node is process (\d+)\n/.exec(output);
      const expected = [
        `node is process ${pid}`,
        'a message -> A MESSAGE',
        'another "one", à la carte -> ANOTHER "ONE", À LA CARTE',
        'it ended with exit status: 0',
      ];
      assert.deepStrictEqual(output.trimEnd().split('\n'), expected);
      assertGone([pid]);
    });

    test(
      `hand_over, ${mode}: --once has six requests served by ${runtime.name}, and ends both workers`,
      DEADLINE,
      async (t) => {
        const { code, output } = await start(t, runtime, 'hand_over', ['--once', ...options]).end();
        assert.strictEqual(code, 0, output);
        assert.match(output, /^http:\/\/127\.0\.0\.1:\d+\/ is served by Node$/m);
        const workers = numbersIn(output, /^process (\d+) ended with exit status: 0$/gm);
        assert.strictEqual(new Set(workers).size, 2, output);
        const answers = numbersIn(output, /^served by node, pid is (\d+)$/gm);
        assert.strictEqual(answers.length, 6, output);
        for (const pid of answers) assert.ok(workers.includes(pid), output);
        assertGone(workers);
      },
    );

    test(
      `render_pool, ${mode}: ${runtime.name} renders, a crash costs one page, and nothing is left`,
      DEADLINE,
      async (t) => {
        const server = start(t, runtime, 'render_pool', options);
        const [, address] = await server.line(/^(http:\/\/127\.0\.0\.1:\d+\/) is rendered by Node$/m);
        const workers = () => numbersIn(server.output, /^worker (\d+) is here$/gm);
        assert.match(await rendered(address, 'a/page'), /^<h1>\/a\/page<\/h1><p>rendered by process \d+<\/p>\n$/);
        for (let crash = 0; crash < 3; crash++) {
          const response = await fetch(`${address}crash`);
          assert.strictEqual(response.status, 500);
          assert.strictEqual(await response.text(), 'the worker crashed while it rendered this page\n');
          const pages = await Promise.all(Array.from({ length: 10 }, (_, i) => rendered(address, `page/${i}`)));
          for (const [i, page] of pages.entries()) {
            const [, path, pid] = /^<h1>(.*)<\/h1><p>rendered by process (\d+)<\/p>\n$/.exec(page);
            assert.strictEqual(path, `/page/${i}`);
            // Two streams: the page may be here first.
            await server.line(new RegExp(`^worker ${pid} is here$`, 'm'));
          }
        }
        await server.line(/(^worker \d+ is given up$[\s\S]*){3}/m);
        assert.strictEqual(numbersIn(server.output, /^worker (\d+) is given up$/gm).length, 3, server.output);
        assert.match(server.errors, /this page has a bug/);
        server.kill('SIGTERM');
        await server.end();
        await untilGone(workers());
      },
    );
  }

  for (const runtime of nodes) {
    test(`primary: --once has four requests served by two workers on ${runtime.name}`, DEADLINE, async (t) => {
      const { code, output } = await start(t, runtime, 'primary', ['--once']).end();
      assert.strictEqual(code, 0, output);
      const pids = numbersIn(output, /^http:\/\/127\.0\.0\.1:\d+\/ is served by worker \d, process (\d+)$/gm);
      assert.strictEqual(new Set(pids).size, 2, output);
      const answers = numbersIn(output, /^served by node, pid is (\d+)$/gm);
      assert.strictEqual(answers.length, 4, output);
      assert.deepStrictEqual([...new Set(answers)].sort(), pids.sort());
      assert.strictEqual([...output.matchAll(/^worker \d ended: code Some\(0\), signal None$/gm)].length, 2, output);
      assertGone(pids);
    });

    test(`primary: a worker on ${runtime.name} that is killed is replaced`, DEADLINE, async (t) => {
      const server = start(t, runtime, 'primary');
      const [, first] = await server.line(/is served by worker 1, process (\d+)$/m);
      process.kill(Number(first), 'SIGKILL');
      const [, address] = await server.line(/^(http:.*) is served by worker 3, process \d+$/m);
      assert.match(await (await fetch(address)).text(), /^served by node/);
      const pids = numbersIn(server.output, /process (\d+)$/gm);
      server.kill('SIGTERM');
      await server.end();
      await untilGone(pids);
    });

    test(`cluster.js: ${runtime.name} has twelve requests served by two workers in Rust`, DEADLINE, async (t) => {
      const { code, output, errors } = await cluster(t, runtime, ['--once']).end();
      assert.strictEqual(code, 0, output + errors);
      const [, ...workers] = /^http:\/\/127\.0\.0\.1:\d+\/ is served by (\d+) and (\d+)$/m.exec(output);
      const answers = numbersIn(output, /^request \d+: hello from pid (\d+)$/gm);
      assert.strictEqual(answers.length, 12, output);
      for (const pid of workers) assert.strictEqual(answers.filter((answer) => answer === Number(pid)).length, 6);
      assert.strictEqual(numbersIn(output, /^worker (\d+): ended with exit code 0$/gm).length, 2, output);
      assertGone(workers);
    });

    test(`cluster.js: ${runtime.name} replaces a worker that dies, and stops at SIGTERM`, DEADLINE, async (t) => {
      const primary = cluster(t, runtime);
      const [, address, pid] = await primary.line(/^(http:\S+) is served by (\d+)/m);
      process.kill(Number(pid), 'SIGKILL');
      await primary.line(/ended with SIGKILL/);
      for (let i = 0; i < 6; i++) assert.match(await (await fetch(address)).text(), /^hello from pid \d+\n$/);
      primary.kill('SIGTERM');
      const { code, output } = await primary.end();
      assert.strictEqual(code, 0);
      assert.strictEqual(numbersIn(output, /^worker (\d+): ended with exit code 0$/gm).length, 2, output);
    });
  }

  const [runtime] = runtimes;

  test('drive_node: without a node it says so', DEADLINE, async (t) => {
    const { code, errors } = await start(t, { ...runtime, bin: '/nowhere/node' }, 'drive_node').end();
    assert.strictEqual(code, 1);
    assert.match(errors, /\/nowhere\/node/);
  });
});

async function rendered(address, path) {
  const response = await fetch(`${address}${path}`);
  const text = await response.text();
  assert.strictEqual(response.status, 200, text);
  return text;
}

const start = (t, runtime, example, args = []) => run(t, examples[example], args, { CROSSFORK_NODE: runtime.bin });

const cluster = (t, runtime, args = []) =>
  run(t, runtime.bin, ['examples/cluster.js', ...args], { CROSSFORK_WORKER: clusterWorker, PORT: '0' });

function run(t, file, args, env) {
  const program = spawn(file, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const state = { output: '', errors: '' };
  const lines = createInterface({ input: program.stdout });
  lines.on('line', (line) => {
    state.output += `${line}\n`;
  });
  program.stderr.on('data', (bytes) => {
    state.errors += bytes;
  });
  t.after(() => program.kill('SIGKILL')); // unless it has ended, as it should have
  // The workers have the same stderr: its end is the end of them all.
  const closed = once(program, 'close');
  return Object.assign(state, {
    kill: (signal) => program.kill(signal),
    async end() {
      await closed;
      return { code: program.exitCode, output: state.output, errors: state.errors };
    },
    /** Waits for a line of the output. */
    async line(pattern) {
      while (!pattern.test(state.output)) {
        await Promise.race([
          once(lines, 'line'),
          closed.then(() => assert.fail(`it ended without ${pattern}: ${state.output}${state.errors}`)),
        ]);
      }
      return pattern.exec(state.output);
    },
  });
}

const numbersIn = (output, pattern) => [...output.matchAll(pattern)].map(([, number]) => Number(number));

/** Not even a zombie is left. */
function assertGone(pids) {
  for (const pid of pids) assert.ok(!existsSync(`/proc/${pid}`), `process ${pid} is still there`);
}

/** They lost their parent, and whoever has adopted them may take its time. */
async function untilGone(pids, deadline = Date.now() + 10_000) {
  const alive = (pid) => existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  while (pids.some(alive)) {
    assert.ok(Date.now() < deadline, `still there: ${pids.filter(alive)}`);
    await setTimeout(20);
  }
}
