// Every second, a request ends the worker that gets it (`process.exit(1)`): how many other requests are answered?
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '../connection.mjs';
import { Load } from '../loads.mjs';
import { Runner } from '../runner.mjs';

const WORKERS = 4;
const SECONDS = { quick: 6, normal: 60, full: 190 };

export async function poison(name, { size, ...setup }) {
  const runner = await Runner.start(name, { ...setup, workers: WORKERS });
  const load = new Load({ port: runner.port, kind: 'open loop', ms: 10, perSecond: 20 });
  try {
    const poisoned = [];
    for (let i = 0; i < SECONDS[size]; i++) {
      poisoned.push(new Connection(runner.port).ask({ path: '/exit', close: true }));
      await sleep(1000);
    }
    const tally = await load.stop();
    await Promise.all(poisoned);
    return [{ title: 'other requests', figures: tally.figures }];
  } finally {
    await load.stop();
    await runner.close();
  }
}
