// How long the event loop of a worker takes to answer its Rust primary.
import assert from 'node:assert';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { artifact } from '../artifacts.mjs';
import { runtimes } from '../runtimes/index.mjs';
import { scratch } from '../scratch.mjs';
import { request } from './cluster-primary/client.mjs';
import { Primary } from './cluster-primary/primary.mjs';
import { EveryNode } from './every-node.mjs';

const DEADLINE = { timeout: 240_000 };
/** Longer than any test: an answer is expected. */
const LONG = 200_000;
/** No answer is expected. */
const SHORT = 200;

const suite = new EveryNode();

for (const serialization of ['json', 'advanced']) {
  for (const balance of ['rr', 'shared']) {
    suite.test(
      `CLU-13: ${serialization}, ${balance}: a worker answers, with a server and without one`,
      DEADLINE,
      async (t, runtime) => {
        const primary = new Primary(t, runtime, { serialization, balance });
        const worker = await primary.fork();
        await answers(primary, worker, 20);
        const { address } = await worker.does('listen', { listen: [{ port: 0, host: '127.0.0.1' }] });
        await answers(primary, worker, 20);
        assert.strictEqual(await request(address.port), worker.pid);
        await primary.does('disconnectWorker', { worker: worker.id });
        await primary.event({ event: 'exit', worker: worker.id, code: 0 });
      },
    );
  }
}

suite.test('HND-7: connections and questions take turns', DEADLINE, async (t, runtime) => {
  const primary = new Primary(t, runtime);
  const workers = await primary.forkSome(2);
  let port;
  for (const worker of workers) {
    ({ port } = (await worker.does('listen', { listen: [{ port: 0, host: '127.0.0.1' }] })).address);
  }
  const pids = new Set();
  let asking = true;
  const clients = Array.from({ length: 8 }, async () => {
    for (let i = 0; asking || i < 50; i++) pids.add(await request(port));
  });
  for (const worker of [...workers, ...workers]) await answers(primary, worker, 100);
  asking = false;
  await Promise.all(clients);
  assert.deepStrictEqual([...pids].sort(), workers.map(({ pid }) => pid).sort());
});

suite.test(
  'a worker with a blocked event loop does not answer, gets no connections, and answers when it runs again',
  DEADLINE,
  async (t, runtime) => {
    const folder = scratch(t);
    const path = join(folder, 'go-on');
    const primary = new Primary(t, runtime);
    const [blocked, other] = await primary.forkSome(2);
    let port;
    for (const worker of [blocked, other]) {
      ({ port } = (await worker.does('listen', { listen: [{ port: 0, host: '127.0.0.1' }] })).address);
    }
    const block = blocked.does('block', { path });
    // It may still be answered before the message is read.
    while ((await primary.does('delay', { worker: blocked.id, patience: SHORT })) !== null);
    for (let i = 0; i < 10; i++) assert.strictEqual(await request(port), other.pid);
    writeFileSync(path, '');
    assert.ok((await primary.does('delay', { worker: blocked.id, patience: LONG })) >= 0);
    await block;
    const pids = new Set();
    for (let i = 0; i < 10; i++) pids.add(await request(port));
    assert.deepStrictEqual([...pids].sort(), [blocked.pid, other.pid].sort());
  },
);

suite.test('HND-6: a worker that has no descriptor free answers too', DEADLINE, async (t, runtime) => {
  const primary = new Primary(t, runtime);
  const worker = await primary.fork();
  await worker.does('starve');
  await answers(primary, worker, 3);
  await worker.does('feed');
  await answers(primary, worker, 3);
});
suite.register();

const deno = runtimes.find(({ kind }) => kind === 'deno');
const bun = runtimes.find(({ kind }) => kind === 'bun');

describe('event loop delay of other workers', () => {
  test('CLU-13: a worker in Rust answers', DEADLINE, async (t) => {
    const primary = new Primary(t, { bin: artifact('crossfork') }, { module: 'worker', args: ['--listen', '0'] });
    const worker = await primary.fork();
    await answers(primary, worker, 20);
  });

  test('CLU-13: a worker in Deno answers', { ...DEADLINE, skip: !deno }, async (t) => {
    const primary = new Primary(t, deno, { execArgv: ['run', '--quiet', '--allow-all'] });
    const worker = await primary.fork();
    // It loses a handle that arrives in one read with an earlier message, so nothing else is sent.
    await answers(primary, worker, 20);
  });

  test('CLU-5: a process in Bun does not count as a worker, and is not asked', { skip: !bun }, async (t) => {
    const primary = new Primary(t, bun);
    await primary.does('fork');
    await primary.event({ event: 'error', worker: 1, code: 'ERR_IPC_DECODE' });
    await assert.rejects(primary.does('delay', { worker: 1, patience: LONG }), /cannot be asked/);
    await primary.does('kill', { worker: 1, signal: 'SIGTERM' });
    await primary.event({ event: 'exit', worker: 1, signal: 'SIGTERM' });
  });
});

async function answers(primary, worker, times) {
  for (let i = 0; i < times; i++) {
    const delay = await primary.does('delay', { worker: worker.id, patience: LONG });
    assert.ok(delay >= 0, `${delay}`);
  }
}
