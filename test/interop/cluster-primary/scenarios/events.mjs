// What a user of the primary is told of its workers. Each scenario: `async (t, cell)`.
import assert from 'node:assert';
import { once } from 'node:events';
import net from 'node:net';
import { request } from '../client.mjs';
import { LOCAL, listen, ok, serving, within } from './kit.mjs';

export const events = {
  async "CLU-22: events have the order and the arguments of Node's"(_, { start }) {
    const primary = start();
    const worker = await primary.fork();
    const { address } = await ok(worker.does('listen', listen(LOCAL)));
    const { address: heard } = await primary.event({ event: 'listening', worker: 1 });
    assert.deepStrictEqual(heard, { address: '127.0.0.1', port: address.port, addressType: 4, fd: null });
    await primary.does('disconnect');
    await primary.event({ finished: true });
    const names = primary.events.map(({ event }) => event).filter((name) => name && name !== 'message');
    assert.deepStrictEqual(names, ['setup', 'fork', 'online', 'listening', 'disconnect', 'exit']);
  },

  async "CLU-4: a worker sees its number and its settings, but not the channel's variables"(_, { start }) {
    const primary = start({ args: ['one', 'two'], execArgv: ['--no-warnings'], cwd: '/', env: { EXTRA: 'no' } });
    await primary.fork();
    const second = await primary.fork({ EXTRA: 'yes' });
    assert.deepStrictEqual(await second.does('environment'), {
      id: 2,
      isWorker: true,
      left: [],
      extra: 'yes',
      argv: ['one', 'two'],
      execArgv: ['--no-warnings'],
      cwd: '/',
    });
  },

  async 'CLU-21: workers are known until they have exited'(_, { start }) {
    const primary = start();
    const [first] = await primary.forkSome(2);
    assert.deepStrictEqual((await primary.does('look')).workers, [1, 2]);
    await first.does('disconnect');
    await primary.event({ event: 'exit', worker: first.id });
    const workers = [1, 2].filter((id) => id !== first.id);
    assert.deepStrictEqual((await primary.does('look')).workers, workers);
  },

  async 'SER-2: messages of every size come back unchanged'(_, { start }) {
    const primary = start();
    const worker = await primary.fork();
    for (const value of [null, 0, 'ü\u{1F600}', { a: [1, { b: null }] }, 'x'.repeat(300_000)]) {
      assert.deepStrictEqual(await worker.does('echo', { value }), value);
    }
  },

  async 'HND-1 HND-7: handles can be sent both ways on a cluster channel'(t, { start }) {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const primary = start();
    const { workers, port } = await serving(primary, 1);
    const served = once(server, 'connection');
    await primary.does('sendSocket', { worker: 1, port: server.address().port });
    const [socket] = await within(served, 'a connection');
    const [text] = await within(once(socket, 'data'), 'an answer over the socket that was sent');
    assert.strictEqual(String(text), `pid ${workers[0].pid}`);
    socket.end();
    const back = once(server, 'connection');
    await ok(
      (async () => {
        const sent = workers[0].does('sendHandle', { port: server.address().port });
        await primary.event({ event: 'message', message: 'a handle', handle: 'net.Socket' });
        await primary.does('returnHandle', { worker: 1 });
        return sent;
      })(),
    );
    const [returned] = await back;
    const [said] = await within(once(returned, 'data'), 'an answer over the socket that came back');
    assert.strictEqual(String(said), 'it came back');
    returned.end();
    assert.strictEqual(await request(port), workers[0].pid);
  },
};
