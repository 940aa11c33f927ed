// {Node 18 to 26, Bun, Deno as the parent} x {the three Rust children} x {json, advanced} x {the scenarios}.
import assert from 'node:assert';
import { describe, test } from 'node:test';
import { AT_ONCE, selected } from '../cells.mjs';
import { runtimes } from '../runtimes/index.mjs';
import { runCell } from './cell.mjs';
import { children as cells } from './cells.mjs';
import { children } from './children.mjs';
import { gapsOf } from './gaps.mjs';
import { tell } from './tell.mjs';

describe('matrix', { concurrency: AT_ONCE }, () => {
  for (const cell of selected(cells)) {
    const { runtime, child, mode, file } = cell;
    test(`${runtime} -> ${child}, ${mode}: ${file}`, (t) => run(t, cell));
  }
});

async function run(t, { file, heavy, turn, ...cell }) {
  const runtime = runtimes.find(({ name }) => name === cell.runtime);
  const child = children.find(({ kind }) => kind === cell.child);
  const serialization = cell.mode;
  const gaps = gapsOf(runtime.name);
  const leaveOut = gaps.map(({ scenario }) => scenario);
  const ran = await runCell(runtime, file, child, { serialization, heavy, leaveOut, turn });
  await tell(t, ran, gaps, (name) => stillFails(runtime, child, serialization, file, name));
}

/** Runs the scenario in a separate process, because some of these crash it. */
async function stillFails(runtime, child, serialization, file, name) {
  const { results } = await runCell(runtime, file, child, { serialization, only: name, wait: 2000 });
  assert.notStrictEqual(results[0]?.outcome, 'passed', 'this works now: remove its row from gaps.mjs');
}
