// What a runner and its workers cost: processor time, memory, and the time until there is an answer.
import { setTimeout as sleep } from 'node:timers/promises';
import { load } from '../../wrk.mjs';
import { cpuOf, memoryOf } from '../processes.mjs';
import { Runner } from '../runner.mjs';

const SECONDS = { quick: 1, normal: 4, full: 4 };
const CLIENTS = 32;
const IDLE_MS = 2000;

export async function* cost(name, { size, ...setup }) {
  const runner = await Runner.start(name, setup);
  try {
    yield { title: 'first answer after, ms', figures: { value: runner.firstAnswerMs } };
    await load(runner, { close: false, seconds: 1, clients: CLIENTS });
    await sleep(IDLE_MS);
    yield { title: 'memory, idle, MB', figures: { value: memoryOf(runner.processes) / 1e6 } };
    for (const close of [false, true]) {
      const kind = close ? 'a connection each' : 'keep-alive';
      const before = cpuOf(runner.processes);
      const loading = load(runner, { close, seconds: SECONDS[size], clients: CLIENTS });
      await sleep((SECONDS[size] * 1000) / 2);
      const memory = memoryOf(runner.processes);
      const { requests, rate } = await loading;
      const cpu = (cpuOf(runner.processes) - before) / requests;
      yield { title: `${kind}: requests a second`, figures: { value: rate } };
      yield { title: `${kind}: processor time of a request, µs`, figures: { value: cpu } };
      if (!close) yield { title: 'memory, loaded, MB', figures: { value: memory / 1e6 } };
    }
  } finally {
    await runner.close();
  }
}
