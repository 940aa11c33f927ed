// Many messages and handles. CROSSFORK_SOAK=full is the long run.
import assert from 'node:assert';
import { test } from 'node:test';
import { runtimes } from '../runtimes/index.mjs';
import { runCell } from './cell.mjs';
import { children } from './children.mjs';

const full = process.env.CROSSFORK_SOAK === 'full';
const [worker] = children;

const length = full ? '' : ' (short: CROSSFORK_SOAK=full for all of it)';

for (const runtime of runtimes.filter(({ kind }) => kind === 'node')) {
  for (const serialization of ['json', 'advanced']) {
    test(`soak: a worker of ${runtime.name}, ${serialization}, stays as large as it was${length}`, async (t) => {
      const { results, stderr, crash } = await runCell(runtime, 'soak.cjs', worker, { serialization }, 20 * 60_000);
      assert.strictEqual(crash, undefined);
      for (const { outcome, detail } of results) assert.strictEqual(outcome, 'passed', detail);
      t.diagnostic(stderr.trim());
    });
  }
}
