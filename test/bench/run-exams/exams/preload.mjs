// What the preload costs: the processor time of the workers for a request, with and without it, in alternating rounds.
import { median } from '../../figures.mjs';
import { load } from '../../wrk.mjs';
import { cpuOf } from '../processes.mjs';
import { Runner } from '../runner.mjs';

// Many short rounds: what disturbs the machine lasts for seconds, and disturbs both.
const ROUNDS = { quick: 2, normal: 40, full: 80 };
const SECONDS = 1;
const CLIENTS = 32;

export async function preload(name, { size, ...setup }) {
  const runners = [];
  const results = [];
  try {
    for (const each of [name, 'crossfork run --no-shim']) runners.push(await Runner.start(each, setup));
    const [ours, bare] = runners;
    for (const close of [false, true]) {
      const measure = (runner) => perRequest(runner, close, SECONDS);
      for (const runner of runners) await measure(runner);
      const percents = [];
      for (let i = 0; i < ROUNDS[size]; i++) {
        // Each is first in every second round.
        const times = new Map();
        for (const runner of i % 2 ? [ours, bare] : [bare, ours]) times.set(runner, await measure(runner));
        percents.push((times.get(ours) / times.get(bare) - 1) * 100);
      }
      const figures = { value: median(percents), least: Math.min(...percents), most: Math.max(...percents) };
      results.push({ title: close ? 'a connection each' : 'keep-alive', figures });
    }
    return results;
  } finally {
    await Promise.all(runners.map((runner) => runner.close()));
  }
}

/** The processor time of all workers for a request, in microseconds. */
async function perRequest(runner, close, seconds) {
  const before = cpuOf(runner.workers);
  const { requests } = await load(runner, { close, seconds, clients: CLIENTS });
  return (cpuOf(runner.workers) - before) / requests;
}
