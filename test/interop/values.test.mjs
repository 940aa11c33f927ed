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
const script = (name) => join(import.meta.dirname, 'values', name);
const nodes = runtimes.filter(({ kind }) => kind === 'node');

for (const { name, major, bin } of nodes) {
  test(`ADV-4 to ADV-9: ${name} gives every value back as it came, and takes every regular expression`, (t) => {
    const run = spawnSync(bin, [script('parent.cjs'), binary, String(major)], { encoding: 'utf8', timeout: 120_000 });
    assert.strictEqual(run.status, 0, run.error?.message ?? run.stderr);
    const [, values, regexps] = /^(\d+) values, (\d+) regular expressions\n$/.exec(run.stdout);
    assert.ok(values >= 1000 && regexps >= 1000, run.stdout);
    t.diagnostic(run.stdout.trim());
  });
}

let judged;

for (const { name, bin } of nodes) {
  test(`NEVER-2: ${name} compiles every regular expression that is sent to it, and nearly no other`, (t) => {
    judged ??= spawnSync(binary, ['judge'], { maxBuffer: 2 ** 30 }).stdout;
    const run = spawnSync(bin, [script('compile.cjs')], { input: judged, encoding: 'utf8', timeout: 120_000 });
    assert.strictEqual(run.status, 0, run.error?.message ?? run.stderr);
    const { compiled, refused, wronglySent, notSent, examples } = JSON.parse(run.stdout);
    assert.deepStrictEqual(wronglySent, []);
    assert.ok(compiled > 50_000 && refused > 50_000, run.stdout);
    assert.ok(notSent < compiled / 500, `${notSent} of ${compiled} are not sent, such as ${JSON.stringify(examples)}`);
    t.diagnostic(`${compiled} compiled, ${refused} refused; ${notSent} that it compiles are not sent`);
  });
}
