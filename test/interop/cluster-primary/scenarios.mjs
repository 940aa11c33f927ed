// A Rust primary with real programs as workers. Each scenario: `async (t, cell)`.
import assert from 'node:assert';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, datagram, fateOf, request, secure } from './client.mjs';

const { until, within } = createRequire(import.meta.url)('../kit/wait.cjs');

const credentials = (() => {
  const pem = readFileSync(join(import.meta.dirname, 'localhost.pem'), 'utf8');
  return { key: pem, cert: pem };
})();

const listen = (...args) => ({ listen: args });
const LOCAL = { port: 0, host: '127.0.0.1' };

/** Workers that serve the same, and the port. */
async function serving(primary, count, options = {}) {
  const workers = await primary.forkSome(count);
  const ports = [];
  for (const worker of workers) {
    const { address } = await ok(worker.does('listen', { ...listen(LOCAL), ...options }));
    ports.push(address.port);
  }
  assert.strictEqual(new Set(ports).size, 1, 'all have the same port');
  return { workers, port: ports[0] };
}

async function ok(answering) {
  const answer = await answering;
  assert.strictEqual(answer?.failed, undefined);
  return answer;
}

const of = (events, worker) => events.filter((event) => event.worker === worker && event.event !== 'message');
const isAlive = (pid) => existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

function folder(t) {
  const path = mkdtempSync(join(tmpdir(), 'crossfork-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A port that is free, as far as one can know. */
async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

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

export const addresses = {
  async 'CLU-6: listen(port) is on every interface, of both families'(_, { start, balance }) {
    const primary = start();
    const worker = await primary.fork();
    const { address, isShared } = await ok(worker.does('listen', listen(0)));
    assert.strictEqual(isShared, balance === 'shared');
    assert.strictEqual(address.address, '::');
    assert.strictEqual(await request(address.port), worker.pid);
    assert.strictEqual(await request({ host: '::1', port: address.port }), worker.pid);
    const { address: heard } = await primary.event({ event: 'listening' });
    assert.deepStrictEqual(heard, { address: null, port: address.port, addressType: 4, fd: null });
  },

  async 'CLU-4: NODE_CLUSTER_SCHED_POLICY applies unless the settings override it'(_, { start }) {
    for (const [policy, expected] of [
      ['none', true],
      ['rr', false],
      ['', false],
    ]) {
      const primary = start({ balance: undefined }, { env: { NODE_CLUSTER_SCHED_POLICY: policy } });
      const worker = await primary.fork();
      const { isShared } = await ok(worker.does('listen', listen(LOCAL)));
      assert.strictEqual(isShared, expected, policy);
    }
  },

  async 'CLU-6: IPv6, optionally without IPv4'(_, { start }) {
    const primary = start();
    const worker = await primary.fork();
    const both = await ok(worker.does('listen', listen({ port: 0, host: '::' })));
    assert.strictEqual(await request(both.address.port), worker.pid);
    const alone = await ok(worker.does('listen', { name: 'b', ...listen({ port: 0, host: '::', ipv6Only: true }) }));
    assert.strictEqual(await request({ host: '::1', port: alone.address.port }), worker.pid);
    await assert.rejects(request(alone.address.port), { code: 'ECONNREFUSED' });
    const local = await ok(worker.does('listen', { name: 'c', ...listen({ port: 0, host: '::1' }) }));
    assert.strictEqual(local.address.address, '::1');
    assert.strictEqual(await request({ host: '::1', port: local.address.port }), worker.pid);
  },

  async 'CLU-6: each server on port 0 has its own port, the same for every worker'(_, { start }) {
    const primary = start();
    const workers = await primary.forkSome(2);
    const ports = [];
    for (const worker of workers) {
      const its = [];
      for (const name of ['a', 'b']) {
        const { address } = await ok(worker.does('listen', { name, ...listen(LOCAL) }));
        its.push(address.port);
      }
      ports.push(its);
    }
    assert.notStrictEqual(ports[0][0], ports[0][1]);
    assert.deepStrictEqual(ports[0], ports[1]);
    for (const port of ports[0]) await request(port);
  },

  async 'CLU-12 CLU-15: an address in use is reported to all, and can be bound when it is free'(t, { start }) {
    const occupant = net.createServer().listen(0, '127.0.0.1');
    await once(occupant, 'listening');
    t.after(() => occupant.close());
    const where = { port: occupant.address().port, host: '127.0.0.1' };
    const primary = start();
    const workers = await primary.forkSome(2);
    for (const worker of workers) {
      assert.deepStrictEqual(await worker.does('listen', listen(where)), { failed: 'EADDRINUSE' });
    }
    occupant.close();
    await once(occupant, 'close');
    for (const worker of workers) await ok(worker.does('listen', listen(where)));
    assert.ok(await request(where.port));
    assert.deepStrictEqual(await workers[0].does('listen', { name: 'b', ...listen(where) }), { failed: 'EADDRINUSE' });
  },

  async 'CLU-11: an address that cannot be bound is reported with its error, to the worker and to the primary'(
    t,
    { start },
  ) {
    const primary = start();
    const worker = await primary.fork();
    const elsewhere = await worker.does('listen', listen({ port: 0, host: '192.0.2.1' }));
    assert.deepStrictEqual(elsewhere, { failed: 'EADDRNOTAVAIL' });
    const nowhere = await worker.does('listen', { name: 'b', ...listen(join(folder(t), 'absent', 's')) });
    assert.deepStrictEqual(nowhere, { failed: 'EACCES' });
    await primary.event({ event: 'listenFailed', worker: 1, code: 'EADDRNOTAVAIL' });
    await primary.event({ event: 'listenFailed', worker: 1, code: 'EACCES' });
  },

  async 'CLU-9: a closed server can be reopened at once'(_, { start }) {
    const primary = start();
    const { workers, port } = await serving(primary, 1);
    for (let i = 0; i < 3; i++) {
      await workers[0].does('close');
      await assert.rejects(request(port), { code: 'ECONNREFUSED' });
      await ok(workers[0].does('listen', listen({ port, host: '127.0.0.1' })));
      assert.strictEqual(await request(port), workers[0].pid);
    }
  },

  async 'CLU-15 CLU-16: a Unix path is served, and removed with its last server'(t, { start }) {
    const path = join(folder(t), 's');
    const primary = start();
    const workers = await primary.forkSome(2);
    for (const worker of workers)
      await ok(worker.does('listen', listen({ path, readableAll: true, writableAll: true })));
    assert.strictEqual(statSync(path).mode & 0o666, 0o666);
    assert.ok(await request({ socketPath: path }));
    const { address } = await primary.event({ event: 'listening' });
    assert.deepStrictEqual(address, { address: path, port: null, addressType: -1, fd: null });
    await primary.does('disconnect');
    await primary.event({ finished: true });
    assert.ok(!existsSync(path));
  },

  async "CLU-15: a long path is bound relative to the primary's directory"(t, { start }) {
    const here = folder(t);
    const primary = start({}, { cwd: here });
    const worker = await primary.fork();
    const path = join(here, 'n'.repeat(100));
    assert.ok(path.length > 107);
    await ok(worker.does('listen', listen(path)));
    assert.ok(existsSync(path));
    const { address } = await primary.event({ event: 'listening' });
    assert.strictEqual(address.address, path);
    await worker.does('close');
    await until(() => !existsSync(path), 'it is removed');
  },

  async 'CLU-11: datagrams arrive at a socket that all workers share'(_, { start }) {
    const primary = start();
    const workers = await primary.forkSome(2);
    for (const [type, address] of [
      ['udp4', '127.0.0.1'],
      ['udp6', '::1'],
    ]) {
      const ports = [];
      for (const worker of workers) {
        const bound = await ok(worker.does('bind', { name: type, type, options: { bind: { port: 0, address } } }));
        ports.push(bound.port);
      }
      assert.strictEqual(ports[0], ports[1]);
      const { pid, text } = await datagram(type, ports[0]);
      assert.strictEqual(text, 'ping');
      assert.ok(workers.some((worker) => worker.pid === pid));
      const { address: heard } = await primary.event({ event: 'listening', worker: 1 }, primary.events.length - 6);
      assert.ok(heard);
    }
    const types = primary.events.filter(({ event }) => event === 'listening').map(({ address }) => address.addressType);
    assert.deepStrictEqual([...new Set(types)], ['udp4', 'udp6']);
  },

  async 'CLU-6: a UDP address can be reused only with reuseAddr'(_, { start }) {
    const primary = start();
    const worker = await primary.fork();
    const port = await freePort();
    const options = (reuseAddr) => ({ socket: { reuseAddr }, bind: { port, address: '127.0.0.1' } });
    await ok(worker.does('bind', { name: 'a', type: 'udp4', options: options(true) }));
    await ok(worker.does('bind', { name: 'b', type: 'udp4', options: options(true) }));
    const third = await worker.does('bind', { name: 'c', type: 'udp4', options: options(false) });
    assert.deepStrictEqual(third, { failed: 'EADDRINUSE' });
  },

  async 'CLU-6: a descriptor of the primary is served if it is inheritable'(_, { start }) {
    const primary = start();
    const worker = await primary.fork();
    const { fd, port } = await primary.does('open', { inheritable: true });
    await ok(worker.does('listen', listen({ fd })));
    assert.strictEqual(await request(port), worker.pid);
    const { address } = await primary.event({ event: 'listening' });
    assert.strictEqual(address.fd, fd);
    const own = await primary.does('open', { inheritable: false });
    assert.deepStrictEqual(await worker.does('listen', { name: 'b', ...listen({ fd: own.fd }) }), { failed: 'EACCES' });
    for (const [number, failed] of [
      [0, 'EINVAL'],
      [999, 'EBADF'],
    ]) {
      const answer = await worker.does('listen', { name: 'c', ...listen({ fd: number }) });
      assert.deepStrictEqual(answer, { failed });
    }
  },

  async 'CLU-6: an exclusive server does not involve the primary'(_, { start }) {
    const primary = start();
    const workers = await primary.forkSome(2);
    const ports = new Set();
    for (const worker of workers) {
      const { address } = await ok(worker.does('listen', listen({ ...LOCAL, exclusive: true })));
      assert.strictEqual(await request(address.port), worker.pid);
      ports.add(address.port);
    }
    assert.strictEqual(ports.size, 2);
  },
};

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
