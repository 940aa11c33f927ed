// Random values of every kind, and regular expressions: each Node reads what this crate writes as the same value, and
// writes it back the same (ADV-4 to ADV-9). Nothing that the crate writes crashes Node (NEVER-2, NEVER-3).
import assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { artifact } from '../artifacts.mjs';
import { TIER } from '../cells.mjs';
import { EveryNode } from './every-node.mjs';

const binary = artifact('interop-values');
const script = (name) => join(import.meta.dirname, 'values', name);

const suite = new EveryNode();

suite.test(
  'ADV-4 to ADV-9: Node returns every value unchanged, and accepts every regular expression',
  {},
  (t, { bin, major }) => {
    const run = spawnSync(bin, [script('parent.cjs'), binary, String(major)], { encoding: 'utf8', timeout: 240_000 });
    assert.strictEqual(run.status, 0, run.error?.message ?? run.stderr);
    const [, values, regexps] = /^(\d+) values, (\d+) regular expressions\n$/.exec(run.stdout);
    assert.ok(values >= 1000 && regexps >= 1000, run.stdout);
    t.diagnostic(run.stdout.trim());
  },
);

/** The quick tier has every fifth: each pattern with one or two of its eight sets of flags. */
const EVERY = TIER === 'full' ? 1 : 5;

let judged;

suite.test(
  'NEVER-2: Node compiles every regular expression that is sent, and rejects nearly all that are not',
  {},
  (t, { bin }) => {
    judged ??= spawnSync(binary, ['judge', `${EVERY}`], { maxBuffer: 2 ** 30 }).stdout;
    const run = spawnSync(bin, [script('compile.cjs')], { input: judged, encoding: 'utf8', timeout: 240_000 });
    assert.strictEqual(run.status, 0, run.error?.message ?? run.stderr);
    const { compiled, refused, wronglySent, notSent, examples } = JSON.parse(run.stdout);
    assert.deepStrictEqual(wronglySent, []);
    assert.ok(compiled > 50_000 / EVERY && refused > 50_000 / EVERY, run.stdout);
    assert.ok(notSent < compiled / 500, `${notSent} of ${compiled} are not sent, such as ${JSON.stringify(examples)}`);
    t.diagnostic(`${compiled} compiled, ${refused} refused; ${notSent} that Node compiles are not sent`);
  },
);

suite.register();
