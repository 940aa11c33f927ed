// {the two drivers as the parent} x {Node 18 to 26, Bun, Deno and the three Rust children} x {the scenarios}.
import assert from 'node:assert';
import { describe, test } from 'node:test';
import { runtimes } from '../runtimes/index.mjs';
import { children } from './children.mjs';
import { runGroup } from './parent-cell.mjs';
import { gapsOf } from './parent-gaps.mjs';

// See test/interop/parent/scenarios.
const GROUPS = ['establishment', 'messages', 'given', 'taken', 'order', 'never', 'sockets', 'life', 'pressure'];

const KINDS = { worker: 'command', blocking: 'blocking', tokio: 'tokio' };
const rust = children.map(({ kind, binary }) => ({ name: `rust ${kind}`, kind: KINDS[kind], bin: binary }));

describe('parent matrix', { concurrency: 2 }, () => {
  for (const child of [...runtimes, ...rust]) {
    for (const driver of ['blocking', 'tokio']) {
      for (const group of GROUPS) {
        test(`${driver} -> ${child.name}: ${group}`, (t) => cell(t, driver, child, group));
      }
    }
  }
});

async function cell(t, driver, child, group) {
  const gaps = gapsOf(child.name);
  const { results, crash } = await runGroup(driver, child, group, { leaveOut: gaps.map(({ scenario }) => scenario) });
  for (const { name, outcome, detail } of results) {
    if (outcome === 'left out') {
      const { reason } = gaps.find(({ scenario }) => name.startsWith(scenario));
      await t.test(`cannot: ${name} (${reason})`, () => stillFails(driver, child, group, name));
    } else {
      await t.test(name, () => {
        if (outcome === 'failed') assert.fail(detail);
      });
    }
  }
  assert.strictEqual(crash, undefined);
  assert.ok(results.length > 0, 'there is something for every child in every group');
}

async function stillFails(driver, child, group, name) {
  const { results } = await runGroup(driver, child, group, { only: name, wait: 2000 });
  assert.strictEqual(results[0]?.outcome, 'failed', 'this works now: remove its row from parent-gaps.mjs');
}
