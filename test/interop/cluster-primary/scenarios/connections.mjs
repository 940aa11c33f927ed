// Who gets which connection. Each scenario: `async (t, cell)`.
import assert from 'node:assert';
import { connect, fateOf, request, secure } from '../client.mjs';
import { credentials, LOCAL, listen, ok, serving, until } from './kit.mjs';

export const connections = {
  async 'CLU-13 CLU-16: requests are distributed round robin'(_, { start, balance }) {
    const primary = start();
    const { workers, port } = await serving(primary, 3);
    const pids = [];
    for (let i = 0; i < 18; i++) pids.push(await request(port));
    const known = workers.map(({ pid }) => pid);
    assert.ok(pids.every((pid) => known.includes(pid)));
    // Strictly in turn only as long as each has told in time that it has accepted: see the tests of the machine.
    if (balance === 'rr') assert.deepStrictEqual([...new Set(pids)].sort(), known.sort());
  },

  async 'CLU-13: a hundred concurrent requests are answered'(_, { start }) {
    const primary = start();
    const { port } = await serving(primary, 2);
    const pids = await Promise.all(Array.from({ length: 100 }, () => request(port)));
    assert.ok(pids.every((pid) => pid > 0));
  },

  async 'CLU-13: slow requests do not delay others'(_, { start }) {
    const primary = start();
    const { workers, port } = await serving(primary, 1);
    const slow = [1, 2, 3, 4, 5].map(() => request(port, '/slow'));
    await until(
      () => primary.events.filter(({ message }) => message?.slow).length === 5,
      'all five are in the hands of the worker',
    );
    assert.strictEqual(await request(port), workers[0].pid);
    await workers[0].does('release');
    assert.strictEqual((await Promise.all(slow)).length, 5);
  },

  async 'CLU-13: a connection refused by a worker at its limit is served by another'(t, { start, balance }) {
    if (balance !== 'rr') return t.skip('the kernel decides');
    const primary = start();
    const workers = await primary.forkSome(2);
    const [{ address }] = [
      await ok(workers[0].does('listen', { ...listen(LOCAL), kind: 'net', maxConnections: 1 })),
      await ok(workers[1].does('listen', { ...listen(LOCAL), kind: 'net' })),
    ];
    const clients = [];
    t.after(() => {
      for (const { socket } of clients) socket.destroy();
    });
    for (let i = 0; i < 8; i++) clients.push(await connect(address.port));
    const served = (worker) => clients.filter(({ pid }) => pid === worker.pid).length;
    assert.deepStrictEqual([served(workers[0]), served(workers[1])], [1, 7]);
  },

  async 'CLU-16: when all workers are at their limits a connection waits until one is free'(t, { start, balance }) {
    if (balance !== 'rr') return t.skip('the kernel decides');
    const primary = start();
    const { port } = await serving(primary, 2, { kind: 'net', maxConnections: 1 });
    const first = await connect(port);
    const second = await connect(port);
    const third = connect(port);
    first.socket.end();
    const { socket, pid } = await third;
    assert.strictEqual(pid, first.pid, 'who has had one end');
    socket.destroy();
    second.socket.destroy();
  },

  async 'CLU-16: a connection offered to a worker that exits is served by another'(t, { start, balance }) {
    if (balance !== 'rr') return t.skip('the workers accept by themselves');
    const primary = start();
    const { workers, port } = await serving(primary, 2);
    const [stopped, other] = workers;
    process.kill(stopped.pid, 'SIGSTOP');
    // One of these two is offered to the one that does not answer.
    const asked = [request(port), request(port)];
    await Promise.race(asked);
    await primary.does('kill', { worker: stopped.id, signal: 'SIGKILL' });
    assert.deepStrictEqual(await Promise.all(asked), [other.pid, other.pid]);
  },

  async 'CLU-16: a worker that exits in its connection handler leaves no client hanging'(_, { start }) {
    const primary = start();
    const workers = await primary.forkSome(2);
    const { address } = await ok(workers[0].does('listen', { ...listen(LOCAL), kind: 'deadly' }));
    const fate = await fateOf(address.port);
    assert.ok(['end', 'ECONNRESET'].includes(fate), fate);
    const { code } = await primary.event({ event: 'exit', worker: workers[0].id });
    assert.strictEqual(code, 3);
  },

  async 'CLU-16: kept servers let clients wait while there is no worker'(t, { start, balance }) {
    if (balance !== 'rr') return t.skip('the workers accept by themselves');
    const primary = start({ keepServers: true });
    const { workers, port } = await serving(primary, 1);
    await primary.does('kill', { worker: workers[0].id, signal: 'SIGKILL' });
    await primary.event({ event: 'exit', worker: 1 });
    const waiting = request(port);
    const next = await primary.fork();
    await ok(next.does('listen', listen(LOCAL)));
    assert.strictEqual(await waiting, next.pid);
    await next.does('disconnect');
    await primary.event({ event: 'exit', worker: 2 });
    await primary.does('closeUnused');
    await assert.rejects(request(port), { code: 'ECONNREFUSED' });
  },

  async 'CLU-11: TLS sessions are resumed by every worker'(_, { start, balance }) {
    const primary = start();
    const { workers, port } = await serving(primary, 2, { kind: 'tls', credentials });
    const first = await secure(port);
    assert.ok(!first.reused);
    const seen = new Set();
    for (let i = 0; i < (balance === 'rr' ? 4 : 10); i++) {
      const { pid, reused } = await secure(port, first.session);
      assert.ok(reused, `worker ${pid} knows the session of ${first.pid}`);
      seen.add(pid);
    }
    if (balance === 'rr') assert.strictEqual(seen.size, workers.length);
  },
};
