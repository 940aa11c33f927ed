// Runs the examples that start Node as a user does, on every Node.
import assert from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { artifact } from '../artifacts.mjs';
import { AT_ONCE } from '../cells.mjs';
import { Program } from '../program.mjs';
import { someNode, withoutNode } from '../runtimes/index.mjs';
import { scratch } from '../scratch.mjs';
import { EveryNode } from './every-node.mjs';
import { until } from './supervised.mjs';

const ROOT = join(import.meta.dirname, '../..');
const DEADLINE = { timeout: 240_000 };
const examples = {
  drive_node: artifact('drive_node'),
  hand_over: artifact('hand_over'),
  render_pool: artifact('render_pool'),
  primary: artifact('primary'),
};

const suite = new EveryNode();

const modes = [
  ['json', []],
  ['advanced', ['--advanced']],
];
for (const [mode, options] of modes) {
  suite.test(`drive_node, ${mode}: Node answers, and exits when its channel closes`, DEADLINE, async (t, runtime) => {
    const output = await outputOf(start(t, runtime, 'drive_node', options));
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

  suite.test(
    `hand_over, ${mode}: with --once, Node serves six requests and both workers exit`,
    DEADLINE,
    async (t, runtime) => {
      const output = await outputOf(start(t, runtime, 'hand_over', ['--once', ...options]));
      assert.match(output, /^http:\/\/127\.0\.0\.1:\d+\/ is served by Node$/m);
      const workers = numbersIn(output, /^process (\d+) ended with exit status: 0$/gm);
      assert.strictEqual(new Set(workers).size, 2, output);
      const answers = numbersIn(output, /^served by node, pid is (\d+)$/gm);
      assert.strictEqual(answers.length, 6, output);
      for (const pid of answers) assert.ok(workers.includes(pid), output);
      assertGone(workers);
    },
  );

  suite.test(
    `render_pool, ${mode}: Node renders, a crash loses one page, and no process is left`,
    DEADLINE,
    async (t, runtime) => {
      const server = start(t, runtime, 'render_pool', options);
      const [, address] = await server.line(/^(http:\/\/127\.0\.0\.1:\d+\/) is rendered by Node$/m);
      const workers = new Set();
      for (let crash = 0; crash < 3; crash++) {
        const pages = await Promise.all(Array.from({ length: 10 }, (_, i) => rendered(address, `page/${i}`)));
        for (const [i, page] of pages.entries()) {
          const [, path, pid] = /^<h1>(.*)<\/h1><p>rendered by process (\d+)<\/p>\n$/.exec(page);
          assert.strictEqual(path, `/page/${i}`);
          workers.add(Number(pid));
        }
        const bug = await fetch(`${address}bug`);
        assert.deepStrictEqual([bug.status, await bug.text()], [500, 'this page has a bug\n']);
        const crashed = await fetch(`${address}crash`);
        assert.strictEqual(crashed.status, 500);
        assert.match(await crashed.text(), /worker/);
      }
      server.kill('SIGTERM');
      await server.end();
      await untilGone([...workers]);
    },
  );
}

suite.test('render_pool: with --once it renders a page and ends', DEADLINE, async (t, runtime) => {
  const output = await outputOf(start(t, runtime, 'render_pool', ['--once']));
  assert.match(output, /^<h1>\/a\/page<\/h1><p>rendered by process \d+<\/p>\n$/);
});

suite.test('render_pool: Node workers that die while idle lose no page', DEADLINE, async (t, runtime) => {
  const server = start(t, runtime, 'render_pool');
  const [, address] = await server.line(/^(http:.*) is rendered by Node$/m);
  for (let generation = 1; generation <= 2; generation++) {
    const pages = await Promise.all(Array.from({ length: 10 }, (_, i) => rendered(address, `page/${i}`)));
    const workers = new Set(pages.map((page) => Number(/process (\d+)/.exec(page)[1])));
    for (const pid of workers) process.kill(pid, 'SIGKILL');
  }
  await rendered(address, 'last');
});

suite.test(`render_pool: Node does not render for clients that have disconnected`, DEADLINE, async (t, runtime) => {
  const dir = scratch(t);
  const log = join(dir, 'paths');
  writeFileSync(log, '');
  // A node wrapper that logs the requested paths.
  const hook = join(dir, 'hook.cjs');
  writeFileSync(
    hook,
    `process.on('message', (message) => {
      for (const { method, params } of [message].flat())
        if (method === 'render') require('fs').appendFileSync(${JSON.stringify(log)}, params.path + '\\n');
    })`,
  );
  const bin = join(dir, 'node');
  writeFileSync(bin, `#!/bin/sh\nexec '${runtime.bin}' --require '${hook}' "$@"\n`, { mode: 0o755 });
  const server = start(t, { ...runtime, bin }, 'render_pool');
  const [, address] = await server.line(/^(http:.*) is rendered by Node$/m);
  const workers = new Set();
  while (workers.size < 2) {
    const pages = await Promise.all(Array.from({ length: 10 }, () => rendered(address, 'before')));
    for (const page of pages) workers.add(Number(/process (\d+)/.exec(page)[1]));
  }
  for (const pid of workers) process.kill(pid, 'SIGSTOP');
  // One request more than the workers and the queue can hold: it is refused after all others have arrived.
  const { hostname, port } = new URL(address);
  const clients = Array.from({ length: 103 }, () => connect(Number(port), hostname).resume());
  // The refused client may also get a reset.
  for (const client of clients) client.on('error', () => {});
  const refused = Promise.race(clients.map((client) => new Promise((resolve) => client.once('data', resolve))));
  for (const [i, client] of clients.entries()) client.write(`GET /left/${i} HTTP/1.1\r\nHost: x\r\n\r\n`);
  assert.match(String(await refused), /^HTTP\/1.1 503 [\s\S]*the queue is full[\s\S]*$/);
  // The server closes a connection after it has noticed that the client disconnected.
  await Promise.all(clients.map((client) => new Promise((resolve) => client.end().once('close', resolve))));
  const rendering = () => readFileSync(log, 'utf8').split('\n').slice(0, -1);
  // On a busy machine a worker may have been replaced by now, and the new one has rendered waiting requests.
  const before = rendering().length;
  for (const pid of workers) if (isAlive(pid)) process.kill(pid, 'SIGCONT');
  // Refused as long as requests of clients that have disconnected are in the queue.
  const asks = () => rendered(address, 'after').then(Boolean, ({ message }) => !/too many/.test(message));
  await until(asks, 'room in the queue');
  const since = rendering().slice(before);
  assert.ok(since.includes('/after'));
  const left = since.filter((path) => path.startsWith('/left/'));
  // Each worker may have received one request already.
  assert.ok(left.length <= workers.size, `rendered for disconnected clients: ${left}`);
});

suite.test(`primary: with --once, two Node workers serve four requests`, DEADLINE, async (t, runtime) => {
  const output = await outputOf(start(t, runtime, 'primary', ['--once']));
  const pids = numbersIn(output, /^http:\/\/127\.0\.0\.1:\d+\/ is served by worker \d, process (\d+)$/gm);
  assert.strictEqual(new Set(pids).size, 2, output);
  const answers = numbersIn(output, /^served by node, pid is (\d+)$/gm);
  assert.strictEqual(answers.length, 4, output);
  assert.deepStrictEqual([...new Set(answers)].sort(), pids.sort());
  assert.strictEqual([...output.matchAll(/^worker \d ended: code Some\(0\), signal None$/gm)].length, 2, output);
  assertGone(pids);
});

suite.test(`primary: a killed Node worker is replaced`, DEADLINE, async (t, runtime) => {
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

suite.test(`cluster.js: two Rust workers serve twelve requests under Node`, DEADLINE, async (t, runtime) => {
  const output = await outputOf(cluster(t, runtime, ['--once']));
  const [, ...workers] = /^http:\/\/127\.0\.0\.1:\d+\/ is served by (\d+) and (\d+)$/m.exec(output);
  const answers = numbersIn(output, /^request \d+: hello from pid (\d+)$/gm);
  assert.strictEqual(answers.length, 12, output);
  assert.deepStrictEqual([...new Set(answers)].sort(), workers.map(Number).sort(), output);
  assert.strictEqual(numbersIn(output, /^worker (\d+): ended with exit code 0$/gm).length, 2, output);
  assertGone(workers);
});

suite.test(`cluster.js: axum in a worker sees the address of each client`, DEADLINE, async (t, runtime) => {
  const primary = cluster(t, runtime);
  const [, address] = await primary.line(/^(http:\S+) is served by/m);
  const { hostname, port } = new URL(address);
  for (let i = 0; i < 3; i++) {
    const client = connect(Number(port), hostname);
    await once(client, 'connect');
    const own = `${client.localAddress}:${client.localPort}`;
    client.write('GET /client HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    const response = (await client.setEncoding('utf8').toArray()).join('');
    assert.strictEqual(response.slice(response.indexOf('\r\n\r\n') + 4), `${own}\n`);
  }
  primary.kill('SIGTERM');
  assert.strictEqual(await primary.end(), 0);
});

suite.test(
  `cluster.js: a request in flight survives Ctrl-C, which reaches all processes`,
  DEADLINE,
  async (t, runtime) => {
    const primary = cluster(t, runtime);
    const [, address, ...workers] = await primary.line(/^(http:\S+) is served by (\d+) and (\d+)/m);
    const slow = fetch(`${address}slow`);
    await primary.line(/a slow request has begun/);
    for (const pid of workers) process.kill(Number(pid), 'SIGINT');
    primary.kill('SIGINT');
    assert.strictEqual(await (await slow).text(), 'at last\n');
    const output = await outputOf(primary);
    assert.strictEqual(numbersIn(output, /^worker (\d+): ended with exit code 0$/gm).length, 2, output);
  },
);

suite.test(`cluster.js: Node replaces a worker that dies, and stops on SIGTERM`, DEADLINE, async (t, runtime) => {
  const primary = cluster(t, runtime);
  const [, address, pid] = await primary.line(/^(http:\S+) is served by (\d+)/m);
  process.kill(Number(pid), 'SIGKILL');
  await primary.line(/ended with SIGKILL/);
  for (let i = 0; i < 6; i++) assert.match(await (await fetch(address)).text(), /^hello from pid \d+\n$/);
  primary.kill('SIGTERM');
  const output = await outputOf(primary);
  assert.strictEqual(numbersIn(output, /^worker (\d+): ended with exit code 0$/gm).length, 2, output);
});

suite.register();

describe('examples', { concurrency: AT_ONCE, skip: withoutNode }, () => {
  test('render_pool: without a working node it answers 503 in time, and says why', DEADLINE, async (t) => {
    const server = start(t, { ...someNode, bin: '/bin/false' }, 'render_pool');
    const [, address] = await server.line(/^(http:.*) is rendered by Node$/m);
    const response = await fetch(address);
    assert.strictEqual(response.status, 503);
    assert.match(await response.text(), /^cannot start a worker: /);
  });

  test('drive_node: without a node executable it reports an error', DEADLINE, async (t) => {
    const program = start(t, { ...someNode, bin: join(import.meta.dirname, 'absent') }, 'drive_node');
    assert.strictEqual(await program.end(), 1);
    assert.match(program.text, /absent/);
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
  run(t, runtime.bin, ['examples/cluster.js', ...args], {
    CROSSFORK_EXAMPLES: dirname(artifact('cluster_worker')),
    PORT: '0',
  });

function run(t, file, args, env) {
  const child = spawn(file, args, { cwd: ROOT, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const program = new Program(child);
  t.after(() => program.kill('SIGKILL')); // if it is still running
  return program;
}

/** What a program has written to standard output when it has ended well. */
async function outputOf(program) {
  assert.strictEqual(await program.end(), 0, program.text);
  return program.output;
}

const numbersIn = (output, pattern) => [...output.matchAll(pattern)].map(([, number]) => Number(number));

/** Checks that the processes are gone, even as zombies. */
function assertGone(pids) {
  for (const pid of pids) assert.ok(!existsSync(`/proc/${pid}`), `process ${pid} is still there`);
}

/** Waits until the processes are gone. They are orphans, and their new parent may reap them late. */
async function untilGone(pids, deadline = Date.now() + 10_000) {
  while (pids.some(isAlive)) {
    assert.ok(Date.now() < deadline, `still there: ${pids.filter(isAlive)}`);
    await setTimeout(20);
  }
}

const isAlive = (pid) => existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
