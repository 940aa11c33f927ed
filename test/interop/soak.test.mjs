// Many messages and handles. CROSSFORK_SOAK=full is the long run.
import assert from 'node:assert';
import { test } from 'node:test';
import { runtimes } from '../runtimes/index.mjs';
import { runCell } from './cell.mjs';
import { children } from './children.mjs';

const full = process.env.CROSSFORK_SOAK === 'full';
const [worker] = children;

for (const runtime of runtimes.filter(({ kind }) => kind === 'node')) {
  test(`soak: a worker of ${runtime.name} stays as large as it was${full ? '' : ' (short: CROSSFORK_SOAK=full for all of it)'}`, async (t) => {
    const { results, stderr, crash } = await runCell(runtime, 'soak.cjs', worker, {}, 20 * 60_000);
    assert.strictEqual(crash, undefined);
    for (const { outcome, detail } of results) assert.strictEqual(outcome, 'passed', detail);
    t.diagnostic(stderr.trim());
  });
}
