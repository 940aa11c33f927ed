// `crossfork run`: a reload and a stop lose no request, whatever the clients do. `npm test` has all kinds of clients at
// once, and `npm run test:full` each of them alone too.
import assert from 'node:assert';
import { TIER } from '../cells.mjs';
import { EveryNode } from './every-node.mjs';
import { KINDS, Load } from './load.mjs';
import { supervise } from './supervised.mjs';

const DEADLINE = { timeout: 240_000 };

const suite = new EveryNode();

const http1 = Object.keys(KINDS).filter((kind) => kind !== 'HTTP/2');
const groups = [http1, ['HTTP/2'], ...(TIER === 'full' ? http1.map((kind) => [kind]) : [])];

for (const kinds of groups) {
  for (const takes of [0, 100]) {
    const what = `${kinds.length > 1 ? 'clients of every kind' : kinds}, answers after ${takes} ms`;
    const options = { env: { TAKES: `${takes}`, ...(kinds.includes('HTTP/2') && { HTTP2: '1' }) } };

    suite.test(`a reload loses nothing: ${what}`, DEADLINE, async (t, runtime) => {
      const run = supervise(t, runtime, { app: 'load', ...options });
      const loads = await busy(t, run, kinds);
      run.kill('SIGHUP');
      await run.said(/^\[crossfork\] reloaded$/);
      await run.said(/has ended: exit code 0$/, 2);
      for (const load of loads) await load.answered(20);
      const failures = await Promise.all(loads.map((load) => load.stop()));
      assert.deepStrictEqual(failures.flat(), [], run.text);
      for (const load of loads) assert.strictEqual(load.refused, 0, `${load}`);
      assert.strictEqual(await run.stop(), 0, run.text);
    });

    suite.test(`a stop loses nothing: ${what}`, DEADLINE, async (t, runtime) => {
      const run = supervise(t, runtime, { app: 'load', ...options });
      const loads = await busy(t, run, kinds);
      assert.strictEqual(await run.stop(), 0, run.text);
      const failures = await Promise.all(loads.map((load) => load.ended()));
      assert.deepStrictEqual(failures.flat(), [], run.text);
      await run.said(/has ended: exit code 0$/, 2);
    });
  }
}
suite.register();

/** Starts clients of these kinds, and waits until each of them was answered. */
async function busy(t, run, kinds) {
  const port = await run.port();
  const loads = kinds.map((kind) => new Load(kind, port));
  t.after(() => Promise.all(loads.map((load) => load.stop())));
  for (const load of loads) await load.answered(20);
  return loads;
}
