// What `node:test` is told of the scenarios of a cell.
import assert from 'node:assert';

/**
 * @param {object} t the test of the cell
 * @param {object} ran what runCell() or runGroup() has returned
 * @param {{ scenario: string, reason: string }[]} gaps what cannot work: beginnings of names
 * @param {(name: string) => Promise<void>} stillFails runs a scenario that was left out, and rejects if it works
 */
export async function tell(t, { results, crash }, gaps, stillFails) {
  // Most of these wait for what never comes, so that they wait at once.
  const checks = new Map();
  for (const { name, outcome } of results) {
    if (outcome !== 'left out') continue;
    const check = stillFails(name);
    check.catch(() => {}); // A test of its own reports it, below.
    checks.set(name, check);
  }
  for (const { name, outcome, detail } of results) {
    if (outcome === 'left out') {
      const { reason } = gaps.find(({ scenario }) => name.startsWith(scenario));
      await t.test(`cannot: ${name} (${reason})`, () => checks.get(name));
    } else {
      await t.test(name, { skip: outcome === 'skipped' && detail }, () => {
        if (outcome === 'failed') assert.fail(detail);
      });
    }
  }
  assert.strictEqual(crash, undefined);
  assert.ok(results.length > 0, 'no scenario ran for this child');
}
