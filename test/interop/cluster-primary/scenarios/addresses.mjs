// What workers can listen on. Each scenario: `async (t, cell)`.
import assert from 'node:assert';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { freePort } from '../../../http.mjs';
import { scratch } from '../../../scratch.mjs';
import { datagram, request } from '../client.mjs';
import { LOCAL, listen, ok, serving, until } from './kit.mjs';

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
    const nowhere = await worker.does('listen', { name: 'b', ...listen(join(scratch(t), 'absent', 's')) });
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
    const path = join(scratch(t), 's');
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
    const here = scratch(t);
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
