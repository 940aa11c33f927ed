// How workers and the primary end. Each scenario: `async (t, cell)`.
import assert from 'node:assert';
import { request } from '../client.mjs';
import { isAlive, of, serving, until } from './kit.mjs';

export const endings = {
  async 'CLU-18: a worker asked to end finishes its requests in flight'(_, { start }) {
    const primary = start();
    const { workers, port } = await serving(primary, 1);
    const slow = request(port, '/slow');
    await until(() => primary.events.some(({ message }) => message?.slow), 'it has the request');
    assert.strictEqual(await primary.does('disconnectWorker', { worker: 1 }), true, 'the flag');
    await until(
      () =>
        request(port).then(
          () => false,
          ({ code }) => code === 'ECONNREFUSED',
        ),
      'the server is closed',
    );
    await workers[0].does('release');
    assert.strictEqual(await slow, workers[0].pid);
    await primary.event({ event: 'exit', worker: 1, code: 0, signal: null, flag: true });
    assert.deepStrictEqual(
      of(primary.events, 1)
        .map(({ event }) => event)
        .slice(-2),
      ['disconnect', 'exit'],
    );
  },

  async 'CLU-18: the other workers keep serving'(_, { start }) {
    const primary = start();
    const { workers, port } = await serving(primary, 2);
    await primary.does('disconnectWorker', { worker: workers[0].id });
    for (let i = 0; i < 4; i++) assert.strictEqual(await request(port), workers[1].pid);
    await primary.event({ event: 'exit', worker: workers[0].id, code: 0, flag: true });
    assert.strictEqual(await request(port), workers[1].pid);
  },

  async 'CLU-10 CLU-19: a worker that disconnects by itself notifies the primary first'(_, { start }) {
    const primary = start();
    const { workers } = await serving(primary, 1);
    await workers[0].does('disconnect');
    await primary.event({ event: 'exit', worker: 1, code: 0, signal: null, flag: true });
    const names = of(primary.events, 1).map(({ event }) => event);
    assert.deepStrictEqual(names, ['fork', 'online', 'listening', 'leaving', 'disconnect', 'exit']);
  },

  async 'CLU-19: a worker that kills itself notifies the primary'(_, { start }) {
    const primary = start();
    const { workers } = await serving(primary, 1);
    await primary.does('send', { worker: 1, message: { id: 0, do: 'kill' } });
    await primary.event({ event: 'exit', worker: workers[0].id, code: 0, signal: null, flag: true });
    assert.ok(of(primary.events, 1).some(({ event }) => event === 'leaving'));
  },

  async 'CLU-20: kill() with a signal is reported as that signal'(_, { start }) {
    const primary = start();
    const { workers } = await serving(primary, 1);
    assert.strictEqual(await primary.does('kill', { worker: workers[0].id, signal: 'SIGTERM' }), true);
    await primary.event({ event: 'exit', worker: 1, code: null, signal: 'SIGTERM', flag: false, dead: true });
    assert.strictEqual(await primary.does('kill', { worker: workers[0].id, signal: 'SIGTERM' }), false);
  },

  async 'CLU-21: an exit code is reported, and the exit is not voluntary'(_, { start }) {
    const primary = start();
    await primary.fork();
    await primary.does('send', { worker: 1, message: { id: 0, do: 'exit', code: 7 } });
    await primary.event({ event: 'exit', worker: 1, code: 7, signal: null, flag: false });
  },

  async 'CLU-18 CLU-21: disconnect() ends all workers and then completes'(_, { start }) {
    const primary = start();
    const { workers, port } = await serving(primary, 3);
    await primary.does('disconnect');
    await primary.event({ finished: true });
    assert.strictEqual(
      primary.events.filter(({ event, code, flag }) => event === 'exit' && code === 0 && flag).length,
      3,
    );
    await assert.rejects(request(port), { code: 'ECONNREFUSED' });
    assert.ok(workers.every(({ pid }) => !isAlive(pid)));
  },

  async 'CLU-19: workers exit when their primary is gone, for any reason'(_, { start }) {
    for (const end of [(primary) => primary.kill('SIGKILL'), (primary) => primary.leave()]) {
      const primary = start();
      const { workers } = await serving(primary, 2);
      await end(primary);
      await until(() => workers.every(({ pid }) => !isAlive(pid)), 'the workers are gone');
    }
  },
};
