// Values of every kind, made at random, and regular expressions: what this crate writes is read by each Node as what it
// is, and written again by it as the same (ADV-4 to ADV-9). Nothing that it writes ends one (NEVER-2, NEVER-3).
import assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { runtimes } from '../runtimes/index.mjs';

const { build } = createRequire(import.meta.url)('../../js/build.cjs');

const binary = process.env.CROSSFORK_INTEROP_VALUES ?? build({ example: 'interop-values', features: ['tokio'] });
const parent = join(import.meta.dirname, 'values', 'parent.cjs');

for (const { name, major, bin } of runtimes.filter(({ kind }) => kind === 'node')) {
  test(`ADV-4 to ADV-9: ${name} gives every value back as it came, and takes every regular expression`, (t) => {
    const run = spawnSync(bin, [parent, binary, String(major)], { encoding: 'utf8', timeout: 120_000 });
    assert.strictEqual(run.status, 0, run.error?.message ?? run.stderr);
    const [, values, regexps] = /^(\d+) values, (\d+) regular expressions\n$/.exec(run.stdout);
    assert.ok(values >= 1000 && regexps >= 1000, run.stdout);
    t.diagnostic(run.stdout.trim());
  });
}
