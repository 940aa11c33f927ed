'use strict';

// Workers that serve, under a Node primary. `worker` is the crossfork command, and listens where its arguments say;
// `blocking` and `tokio` do what they are asked.

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const dgram = require('node:dgram');
const net = require('node:net');
const { mkdtempSync, rmSync, statSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join, relative } = require('node:path');
const { Worker, policy, node, freshHost, freePort, get, begin } = require('../kit/cluster.cjs');
const { echoesDatagrams, freshPath, readTo } = require('../kit/peers.cjs');
const { run } = require('../kit/runner.cjs');
const { nodeMajor } = require('../kit/runtime.cjs');
const { event, until } = require('../kit/wait.cjs');

const ASKED = ['blocking', 'tokio'];
const scenarios = {};

const asked = (run) => ({ kinds: ASKED, run });

/** Workers that listen at a place of their own. */
async function serving(t, count, host = freshHost()) {
  const workers = Array.from({ length: count }, () => new Worker(t, ['--listen', `${host}:0`]));
  const ports = await Promise.all(workers.map((worker) => worker.listening()));
  return { workers, where: { host, port: ports[0].port } };
}

scenarios['CLU-5, CLU-22: fork, online and listening come in this order, disconnect and exit at the end'] = async (
  t,
) => {
  const { workers } = await serving(t, 1);
  const [{ worker, id }] = workers;
  assert.strictEqual(worker.id, id);
  worker.disconnect();
  await workers[0].ends({ exitedAfterDisconnect: true });
  assert.deepStrictEqual(workers[0].events.slice(0, 3), ['fork', 'online', 'listening']);
  // In either order (LIFE-6).
  assert.deepStrictEqual(workers[0].events.slice(3).sort(), ['disconnect', 'exit']);
};

scenarios["CLU-8: 'listening' tells where, as it was asked for, with the actual port"] = async (t) => {
  const host = freshHost();
  const path = freshPath(t);
  const port = await freePort();
  const cases = [
    [`${host}:0`, { addressType: 4, address: host }],
    ['[::1]:0', { addressType: 6, address: '::1' }],
    [`${port}`, { addressType: 4, address: null, port }],
    [`unix:${path}`, { addressType: -1, address: path, port: undefined }],
    [`udp:${host}:0`, { addressType: 'udp4', address: host }],
    ['udp:[::1]:0', { addressType: 'udp6', address: '::1' }],
  ];
  await Promise.all(
    cases.map(async ([address, expected]) => {
      const worker = new Worker(t, ['--listen', address]);
      const told = await worker.listening();
      assert.strictEqual(told.address, expected.address, address);
      assert.strictEqual(told.addressType, expected.addressType, address);
      if (expected.port) assert.strictEqual(told.port, expected.port, address);
      else if (expected.addressType === -1) assert.ok(!(told.port > 0), address);
      else assert.ok(told.port > 0, address);
    }),
  );
};

scenarios['CLU-7: no query has a null descriptor or port'] = asked(async (t) => {
  const worker = new Worker(t);
  const host = freshHost();
  await worker.listen({ name: 'a', address: `${host}:0` });
  await worker.listen({ name: 'b', path: freshPath(t) });
  await worker.listen({ name: 'c', address: await freePort() });
  await worker.ask({ op: 'udp', address: `${host}:0` });
  const queries = worker.acts('queryServer');
  assert.strictEqual(queries.length, 4);
  for (const message of [...queries, ...worker.acts('listening')]) {
    assert.notStrictEqual(message.fd, null, JSON.stringify(message));
    assert.notStrictEqual(message.port, null, JSON.stringify(message));
  }
});

scenarios['CLU-11, CLU-13: two workers answer a hundred requests'] = async (t) => {
  const { workers, where } = await serving(t, 2);
  const answers = await Promise.all(Array.from({ length: 100 }, () => get(where)));
  const [first, second] = workers.map(({ pid }) => answers.filter((answer) => answer === pid).length);
  assert.strictEqual(first + second, 100);
  // Both are free at first. Later the faster one gets more, and the kernel may always choose the same one.
  if (policy === 'rr') assert.ok(Math.min(first, second) >= 1, `${first} and ${second}`);
};

scenarios['CLU-13: a worker can have many connections'] = async (t) => {
  const { workers, where } = await serving(t, 1);
  const begun = [];
  for (let i = 0; i < 10; i++) begun.push(await begin(t, where, workers));
  assert.strictEqual(await get(where), workers[0].pid);
  for (const { finish } of begun.reverse()) assert.strictEqual(await finish(), workers[0].pid);
};

scenarios['CLU-13: a worker at its connection limit leaves the next connection to another'] = asked(async (t) => {
  const host = freshHost();
  const workers = [new Worker(t), new Worker(t)];
  const [{ port }] = await Promise.all(workers.map((worker) => worker.listen({ address: `${host}:0`, max: 1 })));
  const where = { host, port };
  const [one, two] = [await begin(t, where, workers), await begin(t, where, workers)];
  const pids = [await one.finish(), await two.finish()];
  assert.deepStrictEqual(new Set(pids), new Set(workers.map(({ pid }) => pid)));
  // There is room again.
  assert.ok(pids.includes(await get(where)));
});

scenarios['CLU-6: a port on every interface is reachable over IPv4 and IPv6'] = async (t) => {
  const port = await freePort();
  const worker = new Worker(t, ['--listen', `${port}`]);
  await worker.listening();
  assert.strictEqual(await get({ host: '127.0.0.1', port }), worker.pid);
  assert.strictEqual(await get({ host: '::1', port }), worker.pid);
};

scenarios['CLU-6: ipv6Only is IPv6 only'] = asked(async (t) => {
  const port = await freePort();
  const worker = new Worker(t);
  await worker.listen({ address: `[::]:${port}`, ipv6Only: true });
  assert.strictEqual(await get({ host: '::1', port }), worker.pid);
  await assert.rejects(get({ host: '127.0.0.1', port }), { code: 'ECONNREFUSED' });
  // A Node before 22 does not tell its primary's socket so.
  if (policy === 'rr' && nodeMajor < 22) return;
  const other = new Worker(t);
  const { port: everywhere } = await other.listen({ address: await freePort(), ipv6Only: true });
  assert.strictEqual(await get({ host: '::1', port: everywhere }), other.pid);
  await assert.rejects(get({ host: '127.0.0.1', port: everywhere }), { code: 'ECONNREFUSED' });
});

scenarios['CLU-6: a host name is looked up'] = async (t) => {
  const worker = new Worker(t, ['--listen', `localhost:${await freePort()}`]);
  const { address, port } = await worker.listening();
  assert.ok(['127.0.0.1', '::1'].includes(address), address);
  assert.strictEqual(await get({ host: address, port }), worker.pid);
};

scenarios['CLU-15: a Unix path is made absolute, and served'] = async (t) => {
  const path = freshPath(t);
  const worker = new Worker(t, ['--listen', `unix:${relative(process.cwd(), path)}`]);
  assert.strictEqual((await worker.listening()).address, path);
  assert.strictEqual(await get({ socketPath: path }), worker.pid);
};

scenarios['CLU-6: readableAll and writableAll open a Unix path to all'] = asked(async (t) => {
  const [closed, open] = [freshPath(t), freshPath(t)];
  const worker = new Worker(t);
  await worker.listen({ name: 'closed', path: closed });
  await worker.listen({ name: 'open', path: open, readableAll: true, writableAll: true });
  assert.strictEqual(statSync(closed).mode & 0o002, 0);
  assert.strictEqual(statSync(open).mode & 0o666, 0o666);
  assert.strictEqual(await get({ socketPath: open }), worker.pid);
});

scenarios['CLU-6: a descriptor of the primary is served'] = asked(async (t) => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await event(server, 'listening');
  const { port } = server.address();
  // Of another primary, which was born with it: libuv takes no descriptor twice.
  const program = `
    const cluster = require('node:cluster');
    cluster.schedulingPolicy = ${policy === 'none' ? 'cluster.SCHED_NONE' : 'cluster.SCHED_RR'};
    process.execPath = ${JSON.stringify(t.binary)};
    cluster.setupPrimary({ exec: ${JSON.stringify(t.kind)}, execArgv: [], args: [],
      serialization: ${JSON.stringify(t.serialization)} });
    const worker = cluster.fork();
    worker.send({ op: 'listen', fd: 3 });
    worker.on('message', (message) => console.log(JSON.stringify(message)));
    worker.on('listening', (address) => console.log(JSON.stringify(address)));
    process.stdin.on('end', () => cluster.disconnect()).resume();`;
  const primary = spawn(node, ['-e', program], { stdio: ['pipe', 'pipe', 'inherit', server._handle.fd] });
  t.after(() => primary.kill('SIGKILL'));
  server.close();
  const told = (await readTo(primary.stdout, '\n'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  while (told.length < 2) told.push(JSON.parse(await readTo(primary.stdout, '\n')));
  const address = told.find(({ op }) => !op);
  assert.deepStrictEqual([address.addressType, address.fd, address.port], [null, 3, port]);
  await get({ host: '127.0.0.1', port });
  primary.stdin.end();
  const [code] = await event(primary, 'close');
  assert.strictEqual(code, 0);
});

scenarios['CLU-6: servers on port 0 are distinguished and shared by their index'] = asked(async (t) => {
  const host = freshHost();
  const workers = [new Worker(t), new Worker(t)];
  const ports = [];
  for (const worker of workers) {
    for (const name of ['first', 'second']) ports.push((await worker.listen({ name, address: `${host}:0` })).port);
  }
  assert.notStrictEqual(ports[0], ports[1]);
  assert.deepStrictEqual(ports.slice(2), ports.slice(0, 2));
  assert.deepStrictEqual(
    workers[0].acts('queryServer').map(({ index }) => index),
    [0, 1],
  );
  // When no server is left, the index starts again.
  for (const name of ['first', 'second']) await workers[0].ask({ op: 'close', name });
  assert.strictEqual((await workers[0].listen({ address: `${host}:0` })).port, ports[0]);
});

scenarios['CLU-6: all workers get the data of the first worker'] = asked(async (t) => {
  const host = freshHost();
  const workers = [new Worker(t), new Worker(t)];
  const first = await workers[0].listen({ address: `${host}:0`, data: 'from the first' });
  const second = await workers[1].listen({ address: `${host}:0`, data: 'from the second' });
  assert.deepStrictEqual([first.data, second.data], ['from the first', 'from the first']);
});

scenarios['CLU-12: an address in use is an error, and can be bound when it is free'] = asked(async (t) => {
  const host = freshHost();
  const blocker = net.createServer().listen(0, host);
  await event(blocker, 'listening');
  const { port } = blocker.address();
  const workers = [new Worker(t), new Worker(t)];
  for (const worker of workers) {
    const answer = await worker.ask({ op: 'listen', address: `${host}:${port}` });
    assert.deepStrictEqual([answer.op, answer.code], ['error', 'EADDRINUSE']);
    assert.strictEqual(worker.acts('listening').length, 0);
  }
  await new Promise((resolve) => blocker.close(resolve));
  for (const worker of workers) {
    assert.strictEqual((await worker.listen({ address: `${host}:${port}` })).port, port);
  }
  const pid = await get({ host, port });
  assert.ok(workers.some((worker) => worker.pid === pid));
});

scenarios['CLU-12: the command says that its address is in use, and fails'] = {
  kinds: ['worker'],
  run: async (t) => {
    const host = freshHost();
    const blocker = net.createServer().listen(0, host);
    await event(blocker, 'listening');
    t.after(() => blocker.close());
    const worker = new Worker(t, ['--listen', `${host}:${blocker.address().port}`]);
    await worker.ends({ code: 1, exitedAfterDisconnect: false });
    await until(() => worker.stderr.endsWith('\n'), 'it has said why');
    assert.match(worker.stderr, /cannot listen on 127\.0\.\d+\.1:\d+: Address (already )?in use/);
  },
};

scenarios['CLU-11: a Unix path that cannot be bound is an error'] = asked(async (t) => {
  const worker = new Worker(t);
  const taken = freshPath(t);
  const server = net.createServer().listen(taken);
  await event(server, 'listening');
  t.after(() => server.close());
  assert.strictEqual((await worker.ask({ op: 'listen', path: taken })).code, 'EADDRINUSE');
  assert.strictEqual((await worker.ask({ op: 'listen', path: '/no/such/folder/s' })).code, 'EACCES');
  assert.strictEqual((await worker.ask({ op: 'listen', path: '' })).code, 'EINVAL');
  assert.strictEqual((await worker.ask({ op: 'listen', address: 'nonsense' })).code, 'EINVAL');
});

scenarios['CLU-15: listening on the same port twice is an error: address in use'] = asked(async (t) => {
  const host = freshHost();
  const worker = new Worker(t);
  const { port } = await worker.listen({ address: `${host}:${await freePort()}` });
  const again = await worker.ask({ op: 'listen', address: `${host}:${port}` });
  assert.strictEqual(again.code, 'EADDRINUSE');
  assert.strictEqual(await get({ host, port }), worker.pid);
});

for (const [type, host] of [
  ['udp4', '127.0.0.1'],
  ['udp6', '[::1]'],
]) {
  scenarios[`CLU-11: ${type} datagrams are echoed`] = async (t) => {
    const port = await freeUdpPort(type);
    const worker = new Worker(t, ['--listen', `udp:${host}:${port}`]);
    const told = await worker.listening();
    assert.deepStrictEqual([told.addressType, told.port], [type, port]);
    await echoesDatagrams(t, type, port);
    worker.worker.disconnect();
    await worker.ends({ exitedAfterDisconnect: true });
  };
}

async function freeUdpPort(type) {
  const socket = dgram.createSocket(type).bind(0);
  await event(socket, 'listening');
  const { port } = socket.address();
  await new Promise((resolve) => socket.close(resolve));
  return port;
}

scenarios['CLU-11: a UDP address in use is an error'] = asked(async (t) => {
  const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1');
  await event(socket, 'listening');
  t.after(() => socket.close());
  const worker = new Worker(t);
  const answer = await worker.ask({ op: 'udp', address: `127.0.0.1:${socket.address().port}` });
  assert.strictEqual(answer.code, 'EADDRINUSE');
});

scenarios['CLU-6: an exclusive server is not shared'] = asked(async (t) => {
  const host = freshHost();
  const worker = new Worker(t);
  const { port } = await worker.listen({ address: `${host}:0`, exclusive: true });
  assert.strictEqual(await get({ host, port }), worker.pid);
  assert.deepStrictEqual(worker.acts('queryServer'), []);
  assert.deepStrictEqual(worker.acts('listening'), []);
  const taken = await worker.ask({ op: 'listen', address: `${host}:${port}`, exclusive: true });
  assert.strictEqual(taken.code, 'EADDRINUSE');
  worker.worker.disconnect();
  await worker.ends({ exitedAfterDisconnect: true });
});

scenarios['CLU-15: a Node worker and ours share a server, and a UDP socket'] = async (t) => {
  const host = freshHost();
  const folder = mkdtempSync(join(tmpdir(), 'crossfork-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const exec = join(folder, 'worker.cjs');
  writeFileSync(
    exec,
    `require('node:http').createServer((_, response) => response.end('handled by child, pid is ' + process.pid + '\\n'))
       .listen(0, process.argv[2]);
     require('node:dgram').createSocket('udp4').bind(0, process.argv[2]);`,
  );
  const ours = new Worker(t, ['--listen', `${host}:0`, '--listen', `udp:${host}:0`]);
  const [tcp, udp] = [await ours.listening(), await ours.listening()];
  const theirs = new Worker(t, [host], { binary: node, exec });
  const told = [await theirs.listening(), await theirs.listening()];
  assert.strictEqual(told.find(({ addressType }) => addressType === 4).port, tcp.port);
  assert.strictEqual(told.find(({ addressType }) => addressType === 'udp4').port, udp.port);
  const pids = [ours.pid, theirs.pid];
  for (let i = 0; i < 10; i++) assert.ok(pids.includes(await get({ host, port: tcp.port })));
};

scenarios['CLU-4: the worker’s number and its channel are removed from its environment'] = asked(async (t) => {
  const worker = new Worker(t, [], { env: { NODE_ENV: 'test' } });
  assert.deepStrictEqual(await worker.ask({ op: 'id' }), { op: 'id', id: worker.id });
  const { names } = await worker.ask({ op: 'env' });
  assert.deepStrictEqual(
    names.filter((name) => /^NODE_(UNIQUE|CHANNEL)/.test(name)),
    [],
  );
});

scenarios['LIFE-9: messages and handles work alongside connections'] = async (t) => {
  const { workers, where } = await serving(t, 1);
  const [worker] = workers;
  const requests = Array.from({ length: 30 }, () => get(where));
  for (let i = 0; i < 30; i++) await worker.echo(i);
  const server = net.createServer().listen(0, '127.0.0.1');
  await event(server, 'listening');
  const { port } = server.address();
  worker.send('a server', server);
  if (worker.kind !== 'worker') assert.deepStrictEqual(await worker.receive(), { op: 'handle', type: 'net.Server' });
  await worker.echo('it has the server');
  server.close();
  if (worker.kind === 'worker') assert.strictEqual(await get({ host: '127.0.0.1', port }), worker.pid);
  for (const pid of await Promise.all(requests)) assert.strictEqual(pid, worker.pid);
};

scenarios['HND-6 CLU-13: a connection that a worker without free descriptors cannot take goes to another'] = asked(
  async (t) => {
    const { workers, where } = await serving(t, 2);
    const [starved, other] = workers;
    await starved.ask({ op: 'starve' });
    const pids = await Promise.all(Array.from({ length: 20 }, () => get(where)));
    assert.deepStrictEqual([...new Set(pids)], [other.pid]);
    await starved.ask({ op: 'feed' });
    // Of those who accept from one socket, some are asleep.
    const some = () => Promise.all(Array.from({ length: 10 }, () => get(where)));
    await until(async () => (await some()).includes(starved.pid), 'it serves again');
  },
);

run(scenarios);
