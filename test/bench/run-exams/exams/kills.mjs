// Workers are killed with SIGKILL under load, one after the other: what do clients see of it?
import { setTimeout as sleep } from 'node:timers/promises';
import { Load } from '../loads.mjs';
import { Runner } from '../runner.mjs';

const WORKERS = 4;
const COUNT = { quick: 6, normal: 100, full: 1000 };
const KINDS = ['a connection each', 'keep-alive with pauses', 'open loop'];
const RECOVERY_MS = 5000;

export async function kills(name, { size, ...setup }) {
  const runner = await Runner.start(name, { ...setup, workers: WORKERS });
  const loads = KINDS.map((kind) => new Load({ port: runner.port, kind, ms: 10 }));
  try {
    // Threads cannot be killed one by one.
    if (runner.serving.length === 0) return KINDS.map((title) => ({ title, figures: {} }));
    let killed = 0;
    while (killed < COUNT[size] && (await recovered(runner))) {
      const { serving } = runner;
      const pid = serving[killed % serving.length];
      process.kill(pid, 'SIGKILL');
      killed += 1;
    }
    await recovered(runner);
    const tallies = await Promise.all(loads.map((load) => load.stop()));
    return KINDS.map((title, i) => ({ title, figures: { ...tallies[i].figures, killed } }));
  } finally {
    await Promise.all(loads.map((load) => load.stop()));
    await runner.close();
  }
}

/** Waits until all workers serve again. If that takes too long, some must. */
async function recovered(runner) {
  const end = performance.now() + RECOVERY_MS;
  while (runner.isRunning && performance.now() < end && runner.serving.length < WORKERS) await sleep(20);
  return runner.serving.length > 0;
}
