// What workers send with process.send under `crossfork run`.
import assert from 'node:assert';
import { once, setMaxListeners } from 'node:events';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';
import { AT_ONCE, TIER } from '../cells.mjs';
import { get } from '../http.mjs';
import { someNode as runtime, withoutNode } from '../runtimes/index.mjs';
import { EveryNode } from './every-node.mjs';
import { program } from './messages/index.mjs';
import { supervise, until, within } from './supervised.mjs';

const { io } = createRequire(program('socket-io'))('socket.io-client');

const DEADLINE = { timeout: 240_000 };
const MIB = 1 << 20;
/** For what takes long. */
const HEAVY = { ...DEADLINE, skip: TIER === 'quick' && 'it runs in the full tier' };

const suite = new EveryNode();

for (const args of [['--relay'], ['--relay', '--serialization', 'advanced']]) {
  suite.test(`${args.join(' ')}: Socket.IO delivers to the clients of all workers`, DEADLINE, async (t, runtime) => {
    const run = supervise(t, runtime, { app: program('socket-io'), args });
    const port = await run.port();
    const clients = await Promise.all(Array.from({ length: 6 }, () => client(t, port)));
    const workers = await Promise.all(clients.map((client) => client.emitWithAck('who')));
    assert.strictEqual(new Set(workers).size, 2);
    const said = clients.map(() => []);
    for (const [i, client] of clients.entries()) client.on('said', (text) => said[i].push(text));
    for (const [i, client] of clients.entries()) client.emit('say', `client ${i}`);
    await until(
      () => said.flat().length === 36,
      () => `36 deliveries, and not ${said.flat().length}, after\n${run.text}`,
    );
    for (const texts of said)
      assert.deepStrictEqual(
        texts.sort(),
        clients.map((_, i) => `client ${i}`),
      );
    for (const client of clients) client.close();
    assert.strictEqual(await run.stop(), 0, run.text);
    assert.doesNotMatch(run.text, /process\.send|message of/);
  });

  suite.test(`${args.join(' ')}: a message comes to all but its sender`, DEADLINE, async (t, runtime) => {
    const run = supervise(t, runtime, { app: program('talks'), args: ['-i', '3', ...args] });
    const worker = await askers(t, run, 3);
    await worker(1, '/send', { print: true, text: 'ü\n\u{1F600}', deep: [{}, null, 1.5] });
    await run.said(/got .*alone$/, 2);
    const instances = (await run.said(/^\[(\d) \d+\] got /)).map(([, instance]) => instance);
    assert.deepStrictEqual(instances.sort(), ['0', '2']);
    assert.deepStrictEqual((await worker(0, '/got')).last, {
      print: true,
      text: 'ü\n\u{1F600}',
      deep: [{}, null, 1.5],
    });
    assert.strictEqual((await worker(1, '/got')).count, 0);
    assert.strictEqual(await run.stop(), 0, run.text);
  });
}

suite.test('--serialization advanced: values beyond JSON come to the other workers', DEADLINE, async (t, runtime) => {
  const args = ['--relay', '--serialization', 'advanced'];
  const run = supervise(t, runtime, { app: program('talks'), args });
  const worker = await askers(t, run);
  await worker(0, '/values');
  await run.said(/^\[1 \d+\] got .*1n => 1970-01-01T00:00:00.000Z.*$/);
  await run.said(/<Buffer 61 62 63>/);
  assert.strictEqual(await run.stop(), 0, run.text);
});
suite.register();

describe('messages', { concurrency: AT_ONCE, skip: withoutNode }, () => {
  test('a message that nobody reads is reported once, and again after a reload', DEADLINE, async (t) => {
    const text = `\u001b[2J\r\n${'x'.repeat(200)}`;
    const run = supervise(t, runtime, { app: program('talks'), env: { SAYS: JSON.stringify({ text }) } });
    const worker = await askers(t, run);
    await worker(0, '/send', 'another');
    const report =
      /^\[crossfork\] worker \d \(pid \d+\) has sent a message that nobody reads\. Use --relay .* The message: (.*)$/;
    const [[, shown]] = await run.said(report);
    assert.match(shown, /^\{ text: '\\u\{1b\}\[2J\\r\\nx+\.\.\.$/);
    assert.ok(shown.length < 120, shown);
    run.kill('SIGHUP');
    await run.said(/^\[crossfork\] reloaded$/);
    assert.strictEqual((await run.said(report, 2)).length, 2);
    assert.strictEqual(await run.stop(), 0, run.text);
    assert.strictEqual((await run.said(report)).length, 2);
  });

  test("'ready' is a message of its own, and nobody else's with --wait-ready", DEADLINE, async (t) => {
    const says = { app: program('talks'), env: { SAYS: '"ready"' } };
    const unread = supervise(t, runtime, says);
    await unread.port();
    await unread.said(/has sent 'ready', which has no effect: use --wait-ready to wait for it$/);
    assert.strictEqual(await unread.stop(), 0, unread.text);
    assert.strictEqual((await unread.said(/has sent/)).length, 1);
    const run = supervise(t, runtime, { ...says, args: ['--wait-ready', '--relay'] });
    const worker = await askers(t, run);
    for (const instance of [0, 1]) assert.strictEqual((await worker(instance, '/got')).count, 0);
    assert.strictEqual(await run.stop(), 0, run.text);
    assert.doesNotMatch(run.text, /has sent/);
  });

  test('--relay: a handle is refused with its message, and closed', DEADLINE, async (t) => {
    const run = supervise(t, runtime, { app: program('talks'), args: ['--relay'] });
    const worker = await askers(t, run);
    await worker(0, '/handle');
    await run.said(
      /^\[crossfork\] worker 0 \(pid \d+\) has sent a handle with a message: --relay passes on messages without/,
    );
    await worker(0, '/send', { print: true });
    await run.said(/^\[1 \d+\] got \{ print: true \} alone$/);
    assert.doesNotMatch(run.text, /with a handle'/);
    assert.strictEqual(await run.stop(), 0, run.text);
  });

  test('--relay: a burst of messages comes whole', HEAVY, async (t) => {
    const run = supervise(t, runtime, { app: program('talks'), args: ['--relay'] });
    const worker = await askers(t, run);
    await worker(0, '/flood', { count: 640, length: 64 * 1024 });
    await until(
      async () => (await worker(1, '/got')).count === 641,
      () => `all messages, after\n${run.text}`,
    );
    assert.strictEqual((await worker(1, '/got')).bytes, 640 * 64 * 1024);
    assert.strictEqual(await run.stop(), 0, run.text);
    assert.doesNotMatch(run.text, /lost/);
  });

  test(
    '--relay: a worker that does not read loses messages, which are counted, and the others get them',
    DEADLINE,
    async (t) => {
      const run = supervise(t, runtime, { app: program('talks'), args: ['-i', '3', '--relay'] });
      const worker = await askers(t, run, 3);
      const pid = Number((await run.said(/^\[crossfork\] worker 1 \(pid (\d+)\) listens$/))[0][1]);
      process.kill(pid, 'SIGSTOP');
      t.after(() => run.kill('SIGKILL'));
      await worker(0, '/flood', { count: 24, length: MIB });
      await run.said(
        /worker 1 \(pid \d+\) does not read its messages: 16 MiB wait for it, and further ones to it are lost$/,
      );
      await until(
        async () => (await worker(2, '/got')).count === 25,
        () => `all messages, after\n${run.text}`,
      );
      process.kill(pid, 'SIGCONT');
      await until(async () => {
        await worker(0, '/send', 'more');
        return /reads messages again/.test(run.text);
      }, 'the end of it');
      const [[, lost]] = await run.said(/worker 1 \(pid \d+\) reads messages again: (\d+) to it were lost$/);
      const equal = async () => {
        const [one, two] = [await worker(1, '/got'), await worker(2, '/got')];
        return one.count === two.count - Number(lost);
      };
      await until(equal, () => `all that were not lost:\n${run.text}`);
      assert.strictEqual(await run.stop(), 0, run.text);
    },
  );

  test('--relay: a sender is served although nobody reads what it sends', DEADLINE, async (t) => {
    const run = supervise(t, runtime, { app: program('talks'), args: ['--relay'] });
    const worker = await askers(t, run);
    const pid = Number((await run.said(/^\[crossfork\] worker 1 \(pid (\d+)\) listens$/))[0][1]);
    process.kill(pid, 'SIGSTOP');
    await worker(0, '/flood', { count: 8, length: MIB });
    for (let i = 0; i < 10; i++) await worker(0, '/send', 'more');
    process.kill(pid, 'SIGCONT');
    await until(
      async () => (await worker(1, '/got')).count === 19,
      () => `all messages, after\n${run.text}`,
    );
    assert.strictEqual(await run.stop(), 0, run.text);
  });
});

async function client(t, port) {
  const socket = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], forceNew: true, reconnection: false });
  t.after(() => socket.close());
  await within(once(socket, 'connect'), 'the client to connect');
  return socket;
}

/** A function that asks one of the workers. A worker that is stopped keeps the connections that it has got. */
async function askers(t, run, count = 2) {
  const port = await run.port(count);
  const stop = new AbortController();
  t.after(() => stop.abort());
  setMaxListeners(0, stop.signal);
  let id = 0;
  return async (instance, path, message = null) => {
    id++;
    const query = new URLSearchParams({ to: instance, id, message: JSON.stringify(message) });
    const ask = async () => {
      const { status, body } = await get(port, `${path}?${query}`, { signal: stop.signal });
      if (status !== 200) throw new Error('another worker');
      return JSON.parse(body);
    };
    for (;;) {
      try {
        return await within(Promise.any(Array.from({ length: 2 * count }, ask)), `${path} of worker ${instance}`);
      } catch (error) {
        if (!(error instanceof AggregateError) || !error.errors.every(({ message }) => message === 'another worker'))
          throw error;
      }
    }
  };
}
