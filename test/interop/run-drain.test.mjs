// `crossfork run`: what a worker finishes before it exits, and how its program is notified.
import assert from 'node:assert';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import net from 'node:net';
import { dirname } from 'node:path';
import { get } from '../http.mjs';
import { app } from './apps/index.mjs';
import { EveryNode } from './every-node.mjs';
import { Load } from './load.mjs';
import { SOON, supervise, within } from './supervised.mjs';

const { WebSocket } = createRequire(new URL('apps/package.json', import.meta.url))('ws');

const DEADLINE = { timeout: 240_000 };

const folder = dirname(app('drain'));

const suite = new EveryNode();

function start(t, runtime, { instances = 1, args = [], ...what } = {}) {
  return supervise(t, runtime, { app: 'drain', args: ['-i', `${instances}`, ...SOON, ...args], ...what });
}

for (const kind of ['keep-alive', 'keep-alive with pauses', 'HTTP/2']) {
  suite.test(`${kind}: three reloads of a program without a handler lose no request`, DEADLINE, async (t, runtime) => {
    const run = start(t, runtime, { instances: 2, ...(kind === 'HTTP/2' && { env: { HTTP2: '1' } }) });
    const load = new Load(kind, await run.port());
    t.after(() => load.stop());
    await load.answered(100);
    for (let round = 1; round <= 3; round++) {
      run.kill('SIGHUP');
      await run.said(/^\[crossfork\] reloaded$/, round);
      await run.said(/has ended: exit code 0$/, round * 2);
      await load.answered(100);
    }
    assert.deepStrictEqual(await load.stop(), []);
    assert.strictEqual(await run.stop(), 0, run.text);
  });
}

const skip = ({ major }) => major < 20 && 'it has no permission model';
suite.test('under the permission model the preload can be read', { ...DEADLINE, skip }, async (t, runtime) => {
  const permission = runtime.major >= 24 ? '--permission' : '--experimental-permission';
  const net = runtime.major >= 25 ? '--allow-net' : '';
  const allowed = `--allow-fs-read=${folder}/ --allow-child-process --allow-worker ${net}`;
  const options = `${permission} ${allowed} --no-warnings`;
  for (const { args, NODE_OPTIONS } of [{ args: ['--node-args', options] }, { NODE_OPTIONS: options }]) {
    const env = { HANDLER: 'goodbye', ...(NODE_OPTIONS && { NODE_OPTIONS }) };
    const run = start(t, runtime, { args, env });
    await run.port(1);
    assert.strictEqual(await run.stop(), 0);
    await run.said(/flushed$/);
  }
});

suite.test('on a stop, requests in flight are answered with Connection: close', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime);
  const port = await run.port(1);
  const agent = new http.Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const headers = {};
  const ask = (path) => get(port, path, { agent, onResponse: (response) => (headers[path] = response.headers) });
  await ask('/');
  const asked = ['/slow', '/keep-alive'].map(ask);
  await arrived(port);
  run.kill('SIGTERM');
  for (const { body } of await Promise.all(asked)) assert.strictEqual(body, 'done');
  assert.match(headers['/'].connection, /keep-alive/);
  for (const { connection, 'keep-alive': keepAlive } of [headers['/slow'], headers['/keep-alive']]) {
    assert.deepStrictEqual([connection, keepAlive], ['close', undefined]);
  }
  assert.deepStrictEqual(headers['/keep-alive']['set-cookie'], ['a=1', 'b=2']);
  assert.strictEqual(await run.end(), 0, run.text);
});

suite.test('on a stop, connections that wait for a busy worker are served', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime);
  const port = await run.port(1);
  const blocks = get(port, '/blocks');
  await run.said(/blocks$/);
  // One is on its way to the worker, and the others wait in the primary or in the kernel.
  const clients = Array.from({ length: 5 }, () => net.connect(port, '127.0.0.1').setEncoding('utf8'));
  await Promise.all(clients.map((client) => once(client, 'connect')));
  for (const client of clients) client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  run.kill('SIGTERM');
  assert.strictEqual((await blocks).body, 'done');
  for (const client of clients) assert.match((await client.toArray()).join(''), /^HTTP\/1.1 200 OK\r\n/);
  assert.strictEqual(await run.end(), 0, run.text);
});

suite.test('on a stop, the handler of an idle program is called', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime, { env: { HANDLER: 'goodbye' }, args: ['--signal-after', '100'] });
  await run.port(1);
  assert.strictEqual(await run.stop(), 0);
  await run.said(/told: SIGTERM 15$/);
  await run.said(/flushed$/);
  await run.said(/has ended: exit code 0$/);
});

suite.test(
  'a handler that exits at once is called after requests in flight have finished',
  DEADLINE,
  async (t, runtime) => {
    const run = start(t, runtime, { env: { HANDLER: 'exit' } });
    const port = await run.port(1);
    const asked = get(port, '/slow');
    await arrived(port);
    run.kill('SIGTERM');
    assert.strictEqual((await asked).body, 'done');
    assert.strictEqual(await run.end(), 0, run.text);
  },
);

suite.test('a handler added with once has as long as it needs', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime, { env: { HANDLER: 'long' }, args: ['--signal-after', '1'] });
  await run.port(1);
  assert.strictEqual(await run.stop(), 0);
  await run.said(/flushed$/);
  await run.said(/has ended: exit code 0$/);
});

suite.test('a listener of signal-exit alone is no handler', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime, { env: { HANDLER: 'tidy' }, args: ['--signal-after', '1'] });
  const port = await run.port(1);
  const asked = get(port, '/slow');
  await arrived(port);
  run.kill('SIGTERM');
  assert.strictEqual((await asked).body, 'done');
  assert.strictEqual(await run.end(), 0, run.text);
  assert.doesNotMatch(run.text, /told:/);
});

suite.test('pipelined requests that have arrived are all answered', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime);
  const port = await run.port(1);
  const client = net.connect(port, '127.0.0.1').setEncoding('utf8');
  client.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(3));
  await arrived(port);
  run.kill('SIGTERM');
  const answers = (await client.toArray()).join('');
  const connections = [...answers.matchAll(/^Connection: (.*)\r$/gm)].map(([, value]) => value);
  assert.deepStrictEqual(connections, ['keep-alive', 'keep-alive', 'close']);
  assert.strictEqual(await run.end(), 0, run.text);
});

suite.test('a handler that closes the server again gets no error', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime, { env: { HANDLER: 'close' } });
  await run.port(1);
  assert.strictEqual(await run.stop(), 0);
  await run.said(/closed$/);
});

for (const [end, signal] of [
  ['stop', 'SIGTERM'],
  ['reload', 'SIGHUP'],
]) {
  suite.test(
    `the program can close WebSockets and event streams properly on a ${end}`,
    DEADLINE,
    async (t, runtime) => {
      const run = start(t, runtime, { env: { HANDLER: 'goodbye' }, args: ['--signal-after', '100'] });
      const port = await run.port(1);
      const socket = new WebSocket(`ws://127.0.0.1:${port}`);
      await once(socket, 'open');
      const closed = once(socket, 'close');
      const events = get(port, '/events');
      await arrived(port);
      run.kill(signal);
      const [code] = await within(closed, () => `the close frame, after\n${run.text}`);
      assert.strictEqual(code, 1001);
      assert.match((await events).body, /data: goodbye/);
      await run.said(/has ended: exit code 0$/);
      if (end === 'reload') run.kill('SIGTERM');
      assert.strictEqual(await run.end(), 0, run.text);
    },
  );
}

suite.test('a client that never sends a byte delays no stop', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime, { env: { HANDLER: 'goodbye' }, args: ['--signal-after', '100'] });
  const port = await run.port(1);
  const silent = net.connect(port, '127.0.0.1');
  await once(silent, 'connect');
  await arrived(port);
  const ended = once(silent.resume(), 'end');
  assert.strictEqual(await run.stop(), 0, run.text);
  await within(ended, () => 'the end of the connection');
});

suite.test('a request on a connection that keeps no process alive is finished first', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime, { env: { HANDLER: 'exit', UNREF: '1' } });
  const port = await run.port(1);
  const asked = get(port, '/slow');
  await arrived(port);
  run.kill('SIGTERM');
  assert.strictEqual((await asked).body, 'done');
  assert.strictEqual(await run.end(), 0, run.text);
});

suite.test('a request on a stream that is no socket is finished first', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime, { env: { HANDLER: 'exit' } });
  const port = await run.port(1);
  await get(port, '/stream');
  assert.strictEqual(await run.stop(), 0, run.text);
  assert.match(run.text, /the stream has its answer/);
});

for (const own of ['exclusive', 'reusePort']) {
  const skip = ({ major }) => own === 'reusePort' && major < 23 && 'it has no reusePort';
  suite.test(`requests to a server with ${own} are finished`, { ...DEADLINE, skip }, async (t, runtime) => {
    const run = start(t, runtime, { env: { OWN: own } });
    await run.port(1);
    const [[, port]] = await run.said(/own (\d+)$/);
    const asked = get(Number(port), '/slow');
    await arrived(Number(port));
    run.kill('SIGTERM');
    assert.strictEqual((await asked).body, 'done');
    assert.strictEqual(await run.end(), 0, run.text);
  });
}

suite.test("with --shutdown-message the program gets pm2's message", DEADLINE, async (t, runtime) => {
  const run = start(t, runtime, { args: ['--shutdown-message'] });
  await run.port(1);
  run.kill('SIGTERM');
  await run.said(/message: shutdown$/);
  await run.end();
});

suite.test('with another stop signal, the program is notified by that one', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime, {
    env: { HANDLER: 'goodbye', SIGNAL: 'SIGUSR2' },
    args: ['--stop-signal', 'USR2'],
  });
  await run.port(1);
  run.kill('SIGTERM');
  await run.said(/told: SIGUSR2 12$/);
  assert.strictEqual(await run.end(), 0, run.text);
});

suite.test('a handler for another signal than the stop signal is not called', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime, {
    env: { HANDLER: 'goodbye' },
    args: ['--stop-signal', 'USR2', '--kill-timeout', '2'],
  });
  await run.port(1);
  run.kill('SIGTERM');
  await run.said(/has ended: (exit code 0|SIGUSR2)$/);
  assert.doesNotMatch(run.text, /told:/);
  assert.strictEqual(await run.end(), 0, run.text);
});

suite.test('without the preload, the program gets a real signal before SIGKILL', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime, { env: { HANDLER: 'exit' }, args: ['--no-shim', '--kill-timeout', '2'] });
  const port = await run.port(1);
  const socket = new WebSocket(`ws://127.0.0.1:${port}`);
  await once(socket, 'open');
  socket.on('error', () => {});
  assert.strictEqual(await run.stop(), 0);
  await run.said(/told: SIGTERM 15$/);
});

suite.test('processes that a program starts do not load the preload', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime);
  const port = await run.port(1);
  const { own, child, thread, forked } = JSON.parse((await get(port, '/inherited')).body);
  assert.deepStrictEqual([own, child, thread, forked], [[[], false], false, [[], false], []]);
  assert.strictEqual(await run.stop(), 0, run.text);
});

suite.test('servers that the program has closed are not kept in memory', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime, { args: ['--node-args', '--expose-gc'] });
  const port = await run.port(1);
  // The last one may still be referenced from somewhere.
  assert.ok(Number((await get(port, '/closed-servers')).body) <= 1);
  assert.strictEqual(await run.stop(), 0, run.text);
});

const isNotRoot = process.getuid() !== 0 && 'only root can become another user';
suite.test(
  'a program that becomes another user can start threads',
  { ...DEADLINE, skip: () => isNotRoot },
  async (t, runtime) => {
    // The folders of this test run are for us alone.
    const TMPDIR = mkdtempSync('/tmp/crossfork-other-user-');
    chmodSync(TMPDIR, 0o755);
    t.after(() => rmSync(TMPDIR, { recursive: true, force: true }));
    const run = start(t, runtime, { env: { TMPDIR } });
    const port = await run.port(1);
    assert.strictEqual((await get(port, '/other-user')).body, 'runs');
    assert.strictEqual(await run.stop(), 0, run.text);
  },
);

suite.register();

/** Waits until requests that were sent before have arrived, because the server handles connections in order. */
async function arrived(port) {
  await get(port);
  await get(port);
}
