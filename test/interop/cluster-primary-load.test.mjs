// Workers that come and go while clients connect: none hangs, none is lost, nothing is left. CROSSFORK_SOAK=full has a hundred
// killed, and ten thousand start and end.
import assert from 'node:assert';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';
import { runtimes } from '../runtimes/index.mjs';
import { fateOf } from './cluster-primary/client.mjs';
import { Primary } from './cluster-primary/primary.mjs';

const { until } = createRequire(import.meta.url)('./kit/wait.cjs');

const full = process.env.CROSSFORK_SOAK === 'full';
const runtime = runtimes.find(({ kind }) => kind === 'node');
const DEADLINE = { timeout: full ? 3_600_000 : 120_000 };
const SERVED = { kind: 'net', listen: [{ port: 0, host: '127.0.0.1' }] };

describe('cluster primary under load', () => {
  test('CLU-16: workers that are killed lose no connection that they had not accepted', DEADLINE, async (t) => {
    const kills = full ? 100 : 15;
    // The last one that is killed must not take the server along.
    const primary = new Primary(t, runtime, { keepServers: true });
    const join = async () => {
      const worker = await primary.fork();
      const { address } = await worker.does('listen', SERVED);
      return { worker, port: address.port };
    };
    const { worker: first } = await join();
    process.kill(first.pid, 'SIGKILL');
    await primary.event({ event: 'exit', worker: first.id });
    const joined = [await join(), await join(), await join()];
    const [{ port }] = joined;
    const before = (await primary.does('look')).descriptors;

    let running = true;
    const fates = [];
    const clients = Array.from({ length: 16 }, async () => {
      while (running) fates.push(await fateOf(port));
    });
    for (let kill = 0; kill < kills; kill++) {
      const { worker } = joined.shift();
      const served = fates.length;
      process.kill(worker.pid, 'SIGKILL');
      joined.push(await join());
      await until(() => fates.length > served + 32, 'clients are served');
    }
    running = false;
    await Promise.all(clients);

    const lost = fates.filter((fate) => typeof fate !== 'number');
    // A worker may have accepted one, and be killed before it says a word; but there is no second.
    assert.ok(lost.length <= kills, `${lost.length} of ${fates.length}: ${[...new Set(lost)]}`);
    assert.ok(!lost.includes('ECONNREFUSED'));
    await until(async () => (await primary.does('look')).descriptors <= before, 'descriptors are back where they were');
  });

  test('LIFE-2: workers that come and go leave nothing behind', DEADLINE, async (t) => {
    const primary = new Primary(t, runtime);
    const churn = async () => {
      const worker = await primary.fork();
      await worker.does('listen', SERVED);
      await worker.does('disconnect');
      await primary.event({ event: 'exit', worker: worker.id });
    };
    await churn();
    const before = (await primary.does('look')).descriptors;
    const lanes = 4;
    await Promise.all(
      Array.from({ length: lanes }, async () => {
        for (let i = 0; i < (full ? 10_000 : 24) / lanes; i++) await churn();
      }),
    );
    const { descriptors, workers } = await primary.does('look');
    assert.deepStrictEqual([descriptors, workers], [before, []]);
  });
});
