// `crossfork run`: what a worker finishes, and what its program hears, before it ends.
import assert from 'node:assert';
import { once } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';
import net from 'node:net';
import { EveryNode } from './every-node.mjs';
import { get, supervise, until, within } from './supervised.mjs';

const { WebSocket } = createRequire(new URL('apps/package.json', import.meta.url))('ws');

const DEADLINE = { timeout: 240_000 };

const suite = new EveryNode();

function start(t, runtime, { instances = 1, args = [], ...what } = {}) {
  return supervise(t, runtime, { app: 'drain', args: ['-i', `${instances}`, ...args], ...what });
}

for (const pause of [0, 50]) {
  suite.test(
    `keep-alive clients that ask every ${pause} ms lose no request in three reloads`,
    DEADLINE,
    async (t, runtime) => {
      const run = start(t, runtime, { instances: 2 });
      const port = await run.port();
      const clients = Array.from({ length: 8 }, () => new Client(port, pause));
      await Promise.all(clients.map((client) => client.served(20)));
      for (let round = 1; round <= 3; round++) {
        run.kill('SIGHUP');
        await run.said(/^\[crossfork\] reloaded$/, round);
        await run.said(/has ended: exit code 0$/, round * 2);
        await Promise.all(clients.map((client) => client.served(20)));
      }
      const failures = await Promise.all(clients.map((client) => client.stop()));
      assert.deepStrictEqual(failures.flat(), []);
      assert.strictEqual(await run.stop(), 0, run.text);
    },
  );
}

suite.test('a stop answers what is in flight with Connection: close', DEADLINE, async (t, runtime) => {
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

suite.test('an idle program hears of a stop, by the handler that it has', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime, { env: { HANDLER: 'goodbye' }, args: ['--signal-after', '100'] });
  await run.port(1);
  assert.strictEqual(await run.stop(), 0);
  await run.said(/told: SIGTERM 15$/);
  await run.said(/flushed$/);
  await run.said(/has ended: exit code 0$/);
});

suite.test('a handler that exits at once is called when requests in flight are done', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime, { env: { HANDLER: 'exit' } });
  const port = await run.port(1);
  const asked = get(port, '/slow');
  await arrived(port);
  run.kill('SIGTERM');
  assert.strictEqual((await asked).body, 'done');
  assert.strictEqual(await run.end(), 0, run.text);
});

suite.test('a handler that closes the server again is told that it went well', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime, { env: { HANDLER: 'close' } });
  await run.port(1);
  assert.strictEqual(await run.stop(), 0);
  await run.said(/closed$/);
});

for (const [end, signal] of [
  ['stop', 'SIGTERM'],
  ['reload', 'SIGHUP'],
]) {
  suite.test(`WebSockets and event streams get their goodbye in a ${end}`, DEADLINE, async (t, runtime) => {
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
  });
}

suite.test('a client that never sends a byte holds up nobody', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime, { env: { HANDLER: 'goodbye' }, args: ['--signal-after', '100'] });
  const port = await run.port(1);
  const silent = net.connect(port, '127.0.0.1');
  await once(silent, 'connect');
  await arrived(port);
  const ended = once(silent.resume(), 'end');
  assert.strictEqual(await run.stop(), 0, run.text);
  await within(ended, () => 'the end of the connection');
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

suite.test('with another stop signal, the program hears of that one', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime, {
    env: { HANDLER: 'goodbye' },
    args: ['--stop-signal', 'USR2', '--kill-timeout', '2'],
  });
  await run.port(1);
  run.kill('SIGTERM');
  // The program has no handler for it.
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

suite.test('nothing that a program starts sees the preload', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime);
  const port = await run.port(1);
  const { own, child, thread, forked } = JSON.parse((await get(port, '/inherited')).body);
  assert.deepStrictEqual([own, child, thread, forked], [[[], false], false, [[], false], []]);
  assert.strictEqual(await run.stop(), 0, run.text);
});

suite.register();

/** What was sent before has arrived: the server answers one connection after the other. */
async function arrived(port) {
  await get(port);
  await get(port);
}

/** Asks over one connection as long as the server lets it, and says what failed. */
class Client {
  #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  #failures = [];
  #count = 0;
  #stopped = false;
  #done;

  constructor(port, pause) {
    this.#done = this.#ask(port, pause);
  }

  async #ask(port, pause) {
    while (!this.#stopped) {
      try {
        await get(port, '/', { agent: this.#agent });
      } catch (error) {
        this.#failures.push(error.code ?? error.message);
      }
      this.#count += 1;
      if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
    }
    this.#agent.destroy();
  }

  /** So many more were answered. */
  async served(more) {
    const goal = this.#count + more;
    await until(() => this.#count >= goal, 'answers');
  }

  async stop() {
    this.#stopped = true;
    await this.#done;
    return this.#failures;
  }
}
