// Sends many messages and handles. CROSSFORK_SOAK=full is the long run.
import assert from 'node:assert';
import { runCell } from './cell.mjs';
import { children } from './children.mjs';
import { EveryNode } from './every-node.mjs';

const full = process.env.CROSSFORK_SOAK === 'full';
const [worker] = children;

const length = full ? '' : ' (short; CROSSFORK_SOAK=full runs all of it)';

const suite = new EveryNode();

for (const serialization of ['json', 'advanced']) {
  suite.test(`soak: a worker's memory does not grow, ${serialization}${length}`, {}, async (t, runtime) => {
    const { results, stderr, crash } = await runCell(runtime, 'soak.cjs', worker, { serialization }, 20 * 60_000);
    assert.strictEqual(crash, undefined);
    for (const { outcome, detail } of results) assert.strictEqual(outcome, 'passed', detail);
    t.diagnostic(stderr.trim());
  });
}

suite.register();
