// A primary or a worker reaches its descriptor limit while clients connect.
import assert from 'node:assert';
import { chmodSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { scratch } from '../scratch.mjs';
import { request } from './cluster-primary/client.mjs';
import { Primary } from './cluster-primary/primary.mjs';
import { EveryNode } from './every-node.mjs';

const require = createRequire(import.meta.url);
const { busyness } = require('./kit/proc.cjs');
const { until } = require('./kit/wait.cjs');

const DEADLINE = { timeout: 240_000 };
const LOCAL = { listen: [{ port: 0, host: '127.0.0.1' }] };

/** A runtime with a low descriptor limit, which is soon reached. */
function cramped(t, { bin }) {
  const folder = scratch(t);
  const path = join(folder, 'node');
  writeFileSync(path, `#!/bin/sh\nulimit -n 64\nexec '${bin}' "$@"\n`);
  chmodSync(path, 0o755);
  return { bin: path };
}

/** Starts two serving workers whose descriptors can be used up. */
async function serving(t, runtime) {
  const primary = new Primary(t, cramped(t, runtime), { balance: 'rr' });
  const workers = await primary.forkSome(2);
  const ports = new Set();
  for (const worker of workers) ports.add((await worker.does('listen', LOCAL)).address.port);
  const [port] = ports;
  return { primary, workers, port };
}

const suite = new EveryNode();

suite.test(
  `CLU-16: clients of a primary without free descriptors wait, and are served when it has some`,
  DEADLINE,
  async (t, runtime) => {
    const primary = new Primary(t, runtime, { balance: 'rr' });
    const worker = await primary.fork();
    const { address } = await worker.does('listen', LOCAL);
    assert.strictEqual(await request(address.port), worker.pid);
    await until(async () => (await worker.does('connections')) === 0, 'the connection is closed');
    const { descriptors } = await primary.does('look');

    await primary.does('starve');
    let served = 0;
    const clients = Array.from({ length: 20 }, async () => {
      const pid = await request(address.port);
      served += 1;
      return pid;
    });
    assert.strictEqual(await worker.does('echo', { value: 'still here' }), 'still here');
    const busy = busyness(primary.pid);
    assert.ok(busy < 0.2, `it ran for ${busy} of a second`);
    assert.strictEqual(served, 0);

    await primary.does('feed');
    assert.deepStrictEqual([...new Set(await Promise.all(clients))], [worker.pid]);
    assert.strictEqual(await request(address.port), worker.pid);
    await until(async () => (await primary.does('look')).descriptors <= descriptors, 'its descriptors are closed');
  },
);

suite.test(
  `HND-6 CLU-13: a connection that one worker cannot receive goes to another`,
  DEADLINE,
  async (t, runtime) => {
    const { workers, port } = await serving(t, runtime);
    const [starved, other] = workers;
    await starved.does('starve');
    const pids = await Promise.all(Array.from({ length: 20 }, () => request(port)));
    assert.deepStrictEqual([...new Set(pids)], [other.pid]);
    await starved.does('feed');
    await until(async () => (await request(port)) === starved.pid, 'it serves again');
  },
);

suite.test(`HND-6 CLU-13: a connection that no worker can receive waits`, DEADLINE, async (t, runtime) => {
  const { primary, workers, port } = await serving(t, runtime);
  await Promise.all(workers.map((worker) => worker.does('starve')));
  const clients = Promise.all(Array.from({ length: 20 }, () => request(port)));
  const busy = busyness(primary.pid);
  assert.ok(busy < 0.2, `the primary ran for ${busy} of a second`);
  await workers[1].does('feed');
  // The other may close a descriptor of its own meanwhile, and get one connection.
  assert.ok((await clients).includes(workers[1].pid));
});
suite.register();
