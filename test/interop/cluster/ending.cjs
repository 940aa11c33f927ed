'use strict';

// How workers end, by the primary's decision and by their own.

const assert = require('node:assert');
const cluster = require('node:cluster');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { Worker, policy, freshHost, get, begin } = require('../kit/cluster.cjs');
const { readTo } = require('../kit/peers.cjs');
const { run } = require('../kit/runner.cjs');
const { event, until, within } = require('../kit/wait.cjs');

const ASKED = ['blocking', 'tokio'];
const scenarios = {};

async function serving(t, count = 1) {
  const host = freshHost();
  const workers = Array.from({ length: count }, () => new Worker(t, ['--listen', `${host}:0`]));
  const ports = await Promise.all(workers.map((worker) => worker.listening()));
  return { worker: workers[0], workers, where: { host, port: ports[0].port } };
}

/** Until clients are refused. What comes before may find the socket on its way out. */
const refused = (where) =>
  until(async () => (await get(where).catch(({ code }) => code)) === 'ECONNREFUSED', 'connections are refused');

scenarios['CLU-18: a worker disconnected by the primary finishes its requests in flight and exits with 0'] = async (
  t,
) => {
  const { worker, workers, where } = await serving(t);
  const one = await begin(t, where, workers);
  const two = await begin(t, where, workers);
  worker.worker.disconnect();
  await until(() => worker.acts('close').length === 1, 'it closes its server');
  await refused(where);
  assert.strictEqual(await one.finish(), worker.pid);
  assert.ok(worker.worker.isConnected(), 'the other request keeps the channel');
  assert.strictEqual(await two.finish(), worker.pid);
  await worker.ends({ exitedAfterDisconnect: true });
  assert.deepStrictEqual(worker.acts('exitedAfterDisconnect'), []);
};

scenarios['CLU-18: an idle worker ends at once when the primary disconnects it'] = async (t) => {
  const { worker } = await serving(t);
  worker.worker.disconnect();
  await worker.ends({ exitedAfterDisconnect: true });
};

scenarios['CLU-22: a busy primary sees the disconnect before the exit'] = async (t) => {
  let busy = true;
  const spin = () => {
    const end = Date.now() + 10;
    while (Date.now() < end);
    if (busy) setImmediate(spin);
  };
  const { workers } = await serving(t, 4);
  spin();
  try {
    for (const worker of workers) {
      worker.worker.disconnect();
      await worker.ends({ exitedAfterDisconnect: true });
    }
  } finally {
    busy = false;
  }
  for (const { events } of workers) assert.deepStrictEqual(events.slice(-2), ['disconnect', 'exit']);
};

scenarios['CLU-18: the other workers keep serving'] = async (t) => {
  const { workers, where } = await serving(t, 2);
  workers[0].worker.disconnect();
  await workers[0].ends({ exitedAfterDisconnect: true });
  for (let i = 0; i < 10; i++) assert.strictEqual(await get(where), workers[1].pid);
};

scenarios['CLU-18: no request fails while workers come and go'] = async (t) => {
  const host = freshHost();
  const start = async () => {
    const worker = new Worker(t, ['--listen', `${host}:0`]);
    const { port } = await worker.listening();
    return { worker, where: { host, port } };
  };
  let { worker, where } = await start();
  let going = true;
  const client = async () => {
    while (going) await get(where);
  };
  const clients = Promise.all(Array.from({ length: 4 }, client));
  const changes = (async () => {
    for (let i = 0; i < 3; i++) {
      const next = await start();
      worker.worker.disconnect();
      await worker.ends({ exitedAfterDisconnect: true });
      worker = next.worker;
    }
  })();
  // The first failure counts; the other is ignored.
  for (const promise of [changes, clients]) promise.catch(() => {});
  await Promise.race([changes, clients]).finally(() => {
    going = false;
  });
  await Promise.all([changes, clients]);
};

scenarios['CLU-19: a worker that disconnects notifies the primary, finishes its requests in flight and exits with 0'] =
  {
    kinds: ASKED,
    run: async (t) => {
      const { worker, workers, where } = await serving(t);
      const begun = await begin(t, where, workers);
      worker.send({ op: 'disconnect' });
      // The primary knows at once, so that another worker can take its place in the meantime.
      await until(() => worker.worker.exitedAfterDisconnect === true, 'the primary knows that it is meant');
      assert.deepStrictEqual(
        worker.said.slice(-2).map(({ act }) => act),
        ['close', 'exitedAfterDisconnect'],
      );
      assert.ok(worker.worker.isConnected());
      await worker.echo();
      assert.strictEqual(await begun.finish(), worker.pid);
      await worker.ends({ exitedAfterDisconnect: true });
    },
  };

scenarios['CLU-19: a worker cannot listen after its disconnect'] = {
  kinds: ASKED,
  run: async (t) => {
    const { worker, workers, where } = await serving(t);
    const begun = await begin(t, where, workers);
    worker.send({ op: 'disconnect' });
    await until(() => worker.worker.exitedAfterDisconnect === true, 'the primary knows');
    const answer = await worker.ask({ op: 'listen', address: `${freshHost()}:0` });
    assert.strictEqual(answer.code, 'ERR_IPC_DISCONNECTED');
    await begun.finish();
    await worker.ends({ exitedAfterDisconnect: true });
  },
};

scenarios['CLU-19: a worker that kills itself notifies the primary and exits with 0 at once'] = {
  kinds: ASKED,
  run: async (t) => {
    const { worker, workers, where } = await serving(t);
    const { client } = await begin(t, where, workers);
    // With a reset or without.
    const ended = new Promise((resolve) => client.on('close', resolve));
    worker.send({ op: 'kill' });
    await worker.ends({ exitedAfterDisconnect: true });
    assert.deepStrictEqual(worker.acts('close'), []);
    await within(ended, 'the end of the connection');
  },
};

scenarios['CLU-9: closing a server does not affect the rest of the worker'] = {
  kinds: ASKED,
  run: async (t) => {
    const { worker, workers, where } = await serving(t);
    const other = await worker.listen({ name: 'other', address: `${freshHost()}:0` });
    assert.ok(other.port > 0);
    const begun = await begin(t, where, workers);
    await worker.ask({ op: 'close', name: `${where.host}:0` });
    await until(() => worker.acts('close').length === 1, 'the primary knows');
    await refused(where);
    assert.strictEqual(await begun.finish(), worker.pid);
    await worker.echo();
    assert.ok(worker.worker.isConnected());
  },
};

scenarios['CLU-19: a worker whose channel closes without a message exits with 0'] = async (t) => {
  const { worker } = await serving(t);
  worker.process.disconnect();
  await worker.ends({ exitedAfterDisconnect: false });
};

scenarios['CLU-20: a worker killed by the primary ends with the signal'] = async (t) => {
  const { worker } = await serving(t);
  worker.worker.kill();
  // The command takes SIGTERM for a request to finish.
  const end = worker.kind === 'worker' ? { code: 0 } : { code: null, signal: 'SIGTERM' };
  await worker.ends({ ...end, exitedAfterDisconnect: false });
};

scenarios['CLU-20: after SIGTERM the command finishes requests in flight, and new ones go to other workers'] = {
  kinds: ['worker'],
  run: async (t) => {
    const { worker, workers, where } = await serving(t, 2);
    const begun = [await begin(t, where, workers), await begin(t, where, workers)];
    worker.process.kill('SIGTERM');
    await until(() => worker.acts('close').length === 1, 'it closes its server');
    for (let i = 0; i < 5; i++) assert.strictEqual(await get(where), workers[1].pid);
    await Promise.all(begun.map(({ finish }) => finish()));
    await worker.ends({ exitedAfterDisconnect: false });
  },
};

scenarios['CLU-21: cluster.disconnect() ends all workers'] = async (t) => {
  // Of a cluster of its own: this one has the workers of other scenarios.
  const program = `
    const cluster = require('node:cluster');
    cluster.schedulingPolicy = ${policy === 'none' ? 'cluster.SCHED_NONE' : 'cluster.SCHED_RR'};
    process.execPath = ${JSON.stringify(t.binary)};
    cluster.setupPrimary({ exec: ${JSON.stringify(t.kind)}, execArgv: [], args: ['--listen', '${freshHost()}:0'],
      serialization: ${JSON.stringify(t.serialization)} });
    let listening = 0;
    // A Node of 24 or later may else be gone before it has seen that its workers have disconnected.
    const alive = setInterval(() => {}, 1000);
    const workers = [cluster.fork(), cluster.fork()];
    cluster.on('listening', () => {
      if (++listening === 2) cluster.disconnect(() => clearInterval(alive, console.log('disconnected')));
    });
    cluster.on('exit', (worker, code) => console.log('exit', code, worker.exitedAfterDisconnect));`;
  const primary = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => primary.kill('SIGKILL'));
  let output = '';
  primary.stdout.on('data', (bytes) => {
    output += bytes;
  });
  const [code] = await event(primary, 'close');
  assert.strictEqual(code, 0);
  assert.deepStrictEqual(output.trim().split('\n').sort(), ['disconnected', 'exit 0 true', 'exit 0 true']);
};

scenarios['CLU-19: a worker exits at once when its primary is killed'] = async (t) => {
  const program = `
    const cluster = require('node:cluster');
    cluster.schedulingPolicy = ${policy === 'none' ? 'cluster.SCHED_NONE' : 'cluster.SCHED_RR'};
    process.execPath = ${JSON.stringify(t.binary)};
    cluster.setupPrimary({ exec: ${JSON.stringify(t.kind)}, execArgv: [], args: ['--listen', '${freshHost()}:0'],
      serialization: ${JSON.stringify(t.serialization)} });
    const worker = cluster.fork();
    worker.on('listening', () => console.log(worker.process.pid));`;
  const primary = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => primary.kill('SIGKILL'));
  let errors = '';
  primary.stderr.on('data', (bytes) => {
    errors += bytes;
  });
  await readTo(primary.stdout, '\n');
  primary.kill('SIGKILL');
  // The worker has the same stdout and stderr: their end is that of both.
  await within(once(primary, 'close'), 'the worker to end');
  assert.strictEqual(errors, '');
};

assert.ok(cluster.isPrimary);

run(scenarios);
