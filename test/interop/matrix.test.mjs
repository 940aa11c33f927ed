// {Node 18 to 26, Bun, Deno as the parent} x {the three Rust children} x {json, advanced} x {the scenarios}.
import assert from 'node:assert';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { runtimes } from '../runtimes/index.mjs';
import { runCell } from './cell.mjs';
import { children } from './children.mjs';
import { gapsOf } from './gaps.mjs';

const ADVANCED = ['advanced.cjs', 'advanced-values.cjs'];
const DIALECTS = ['dialects.cjs'];
const json = readdirSync(join(import.meta.dirname, 'scenarios')).filter(
  (file) => ![...ADVANCED, ...DIALECTS, 'soak.cjs'].includes(file),
);
// For the others the mode makes no difference.
const both = json.filter((file) => !['backpressure.cjs', 'draining.cjs', 'establishment.cjs'].includes(file));

/** Bun and Deno have an `advanced` mode, but in formats of their own. */
const filesOf = ({ kind }) => ({ json, advanced: kind === 'node' ? [...both, ...ADVANCED] : DIALECTS });

describe('matrix', { concurrency: 2 }, () => {
  for (const runtime of runtimes) {
    for (const child of children) {
      for (const [mode, files] of Object.entries(filesOf(runtime))) {
        for (const file of files) {
          test(`${runtime.name} -> ${child.kind}, ${mode}: ${file}`, (t) => cell(t, runtime, child, mode, file));
        }
      }
    }
  }
});

async function cell(t, runtime, child, serialization, file) {
  const gaps = gapsOf(runtime.name);
  const leaveOut = gaps.map(({ scenario }) => scenario);
  const { results, crash } = await runCell(runtime, file, child, { serialization, leaveOut });
  for (const { name, outcome, detail } of results) {
    if (outcome === 'left out') {
      const { reason } = gaps.find(({ scenario }) => name.startsWith(scenario));
      await t.test(`cannot: ${name} (${reason})`, () => stillFails(runtime, child, serialization, file, name));
    } else {
      await t.test(name, { skip: outcome === 'skipped' && detail }, () => {
        if (outcome === 'failed') assert.fail(detail);
      });
    }
  }
  assert.strictEqual(crash, undefined);
}

/** In a process of its own: some of these are the end of the process. */
async function stillFails(runtime, child, serialization, file, name) {
  const { results } = await runCell(runtime, file, child, { serialization, only: name, wait: 2000 });
  assert.notStrictEqual(results[0]?.outcome, 'passed', 'this works now: remove its row from gaps.mjs');
}
