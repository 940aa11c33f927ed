// Workers start and exit while clients connect: no client hangs, no connection is lost, and nothing leaks.
// CROSSFORK_SOAK=full kills a hundred workers, and starts and ends ten thousand.
import assert from 'node:assert';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';
import { runtimes, someNode, withoutNode } from '../runtimes/index.mjs';
import { workers as rust } from './cluster/workers.mjs';
import { fateOf } from './cluster-primary/client.mjs';
import { Primary } from './cluster-primary/primary.mjs';

const require = createRequire(import.meta.url);
const { residentMemory } = require('./kit/proc.cjs');
const { until, within } = require('./kit/wait.cjs');

const full = process.env.CROSSFORK_SOAK === 'full';
const nodes = runtimes.filter(({ kind }) => kind === 'node');
const DEADLINE = { timeout: full ? 3_600_000 : 240_000 };
const KILLS = full ? 100 : 15;
const ENDS = full ? Number(process.env.CROSSFORK_SOAK_WORKERS ?? 10_000) : 24;
const ADDRESS = [{ port: 0, host: '127.0.0.1' }];

/** The cells in which workers are killed. A short run uses only one. */
const cells = (full ? nodes.filter(({ name }) => /20|26/.test(name)) : nodes.slice(0, 1)).flatMap((runtime) =>
  (full ? ['rr', 'shared'] : ['rr']).map((balance) => ({ runtime, balance })),
);
const wrk = !spawnSync('wrk', ['-v']).error;

/** Starts a primary with three serving workers. `kill` kills one and starts another. */
async function serving(t, { runtime, balance }, kind) {
  // keepServers, because killing the last worker must not close the server.
  const primary = new Primary(t, runtime, { balance, keepServers: true });
  const join = async () => {
    const worker = await primary.fork();
    const { address } = await worker.does('listen', { kind, listen: ADDRESS });
    return { worker, port: address.port };
  };
  const { worker: first } = await join();
  process.kill(first.pid, 'SIGKILL');
  await primary.event({ event: 'exit', worker: first.id });
  const joined = [await join(), await join(), await join()];
  const [{ port }] = joined;
  const before = (await primary.does('look')).descriptors;
  return {
    port,
    async kill() {
      const { worker } = joined.shift();
      process.kill(worker.pid, 'SIGKILL');
      joined.push(await join());
    },
    closed: () =>
      until(
        async () => (await primary.does('look')).descriptors <= before,
        'the number of descriptors returns to its start value',
      ),
  };
}

describe('cluster primary under load', { skip: withoutNode }, () => {
  for (const cell of cells) {
    const where = `${cell.runtime.name}, ${cell.balance}`;
    test(`CLU-16: killed workers lose only connections that they had accepted: ${where}`, DEADLINE, async (t) => {
      const { port, kill, closed } = await serving(t, cell, 'net');
      let running = true;
      const fates = [];
      const clients = Array.from({ length: 16 }, async () => {
        while (running) fates.push(await fateOf(port));
      });
      for (let i = 0; i < KILLS; i++) {
        const served = fates.length;
        await kill();
        await until(() => fates.length > served + 32, 'clients are served');
      }
      running = false;
      await Promise.all(clients);

      const lost = fates.filter((fate) => typeof fate !== 'number');
      t.diagnostic(`${fates.length} connections, ${lost.length} ended with the worker that had accepted them`);
      // A worker may be killed after it has accepted a connection and before it answers. With rr there is at most one
      // such connection; from a shared socket it accepts all that wait.
      assert.ok(
        lost.length <= KILLS * (cell.balance === 'rr' ? 1 : 16),
        `${lost.length} of ${fates.length}: ${[...new Set(lost)]}`,
      );
      assert.ok(!lost.includes('ECONNREFUSED'));
      await closed();
    });

    const skip = !wrk && 'wrk is not installed';
    for (const header of ['close', 'keep-alive']) {
      if (!full) continue;
      test(`CLU-16: no client of wrk hangs or is refused: ${where}, ${header}`, { ...DEADLINE, skip }, async (t) => {
        const { port, kill, closed } = await serving(t, cell, 'http');
        const args = ['-t1', '-c32', '-d3600', '--timeout', '10s', '-H', `Connection: ${header}`];
        const load = spawn('wrk', [...args, `http://127.0.0.1:${port}/`], { stdio: ['ignore', 'pipe', 'inherit'] });
        t.after(() => load.kill('SIGKILL'));
        let report = '';
        load.stdout.on('data', (bytes) => {
          report += bytes;
        });
        for (let i = 0; i < KILLS; i++) await kill();
        load.kill('SIGINT');
        await within(once(load, 'close'), 'wrk to end');
        t.diagnostic(report.replaceAll(/\s+/g, ' '));
        const errors = /Socket errors: connect (\d+).*timeout (\d+)/.exec(report)?.slice(1) ?? [0, 0];
        assert.deepStrictEqual(errors.map(Number), [0, 0], report);
        assert.ok(Number(/(\d+) requests in/.exec(report)?.[1]) > KILLS, report);
        await closed();
      });
    }
  }

  for (const { kind, settings, end } of [
    { kind: 'Node', settings: {}, end: (_, worker) => worker.does('disconnect') },
    {
      kind: 'Rust',
      settings: { module: 'tokio', execPath: rust.at(-1).binary, args: ['--listen', '127.0.0.1:0'] },
      end: (primary, { id }) => primary.does('disconnectWorker', { worker: id }),
    },
  ]) {
    test(`LIFE-2: ${ENDS} workers that start and exit leak nothing: ${kind}`, DEADLINE, async (t) => {
      const primary = new Primary(t, someNode, settings);
      const churn = async () => {
        const from = primary.events.length;
        const worker = await primary.fork();
        if (kind === 'Node') await worker.does('listen', { kind: 'net', listen: ADDRESS });
        await primary.event({ event: 'listening', worker: worker.id }, from);
        await end(primary, worker);
        await primary.event({ event: 'exit', worker: worker.id }, from);
      };
      const churns = (count) =>
        Promise.all(
          Array.from({ length: 4 }, async () => {
            for (let i = 0; i < count / 4; i++) await churn();
          }),
        );
      await churns(ENDS / 10);
      const before = await look(primary);
      const started = performance.now();
      await churns(ENDS);
      const after = await look(primary);
      const seconds = ((performance.now() - started) / 1000).toFixed(0);
      t.diagnostic(`${seconds} s; before and after: ${JSON.stringify([before, after])}`);
      assert.deepStrictEqual([after.descriptors, after.workers], [before.descriptors, []]);
      assert.ok(after.kilobytes < before.kilobytes + 2000, `${before.kilobytes} kB, and now ${after.kilobytes} kB`);
    });
  }
});

/** Returns the primary's workers, its number of descriptors, and its memory. */
async function look(primary) {
  const { descriptors, workers } = await primary.does('look');
  return { descriptors, workers, kilobytes: residentMemory(primary.pid) / 1024 };
}
