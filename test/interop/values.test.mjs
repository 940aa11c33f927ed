// Values of every kind, made at random, and regular expressions: what this crate writes is read by each Node as what it
// is, and written again by it as the same (ADV-4 to ADV-9). Nothing that it writes ends one (NEVER-2, NEVER-3).
import assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { artifact } from '../artifacts.mjs';
import { EveryNode } from './every-node.mjs';

const binary = artifact('interop-values');
const parent = join(import.meta.dirname, 'values', 'parent.cjs');

const suite = new EveryNode();

suite.test(
  'ADV-4 to ADV-9: it gives every value back as it came, and takes every regular expression',
  {},
  (t, { bin, major }) => {
    const run = spawnSync(bin, [parent, binary, String(major)], { encoding: 'utf8', timeout: 120_000 });
    assert.strictEqual(run.status, 0, run.error?.message ?? run.stderr);
    const [, values, regexps] = /^(\d+) values, (\d+) regular expressions\n$/.exec(run.stdout);
    assert.ok(values >= 1000 && regexps >= 1000, run.stdout);
    t.diagnostic(run.stdout.trim());
  },
);

suite.register();
