// What a runner and its workers cost: processor time, memory, and the time until there is an answer.
import { setTimeout as sleep } from 'node:timers/promises';
import { load } from '../../wrk.mjs';
import { cpuOf, memoryOf } from '../processes.mjs';
import { Runner } from '../runner.mjs';

const SECONDS = { quick: 1, normal: 4, full: 4 };
const CLIENTS = 32;
const IDLE_MS = 2000;

export async function cost(name, { size, ...setup }) {
  const runner = await Runner.start(name, setup);
  const results = [];
  const add = (title, value) => results.push({ title, figures: { value } });
  try {
    add('first answer after, ms', runner.firstAnswerMs);
    await load(runner, { close: false, seconds: 1, clients: CLIENTS });
    await sleep(IDLE_MS);
    add('memory, idle, MB', memoryOf(runner.processes) / 1e6);
    for (const close of [false, true]) {
      const kind = close ? 'a connection each' : 'keep-alive';
      const before = cpuOf(runner.processes);
      const loading = load(runner, { close, seconds: SECONDS[size], clients: CLIENTS });
      await sleep((SECONDS[size] * 1000) / 2);
      const memory = memoryOf(runner.processes);
      const { requests, rate } = await loading;
      const cpu = (cpuOf(runner.processes) - before) / requests;
      add(`${kind}: requests a second`, rate);
      add(`${kind}: processor time of a request, µs`, cpu);
      if (!close) add('memory, loaded, MB', memory / 1e6);
    }
    return results;
  } finally {
    await runner.close();
  }
}
