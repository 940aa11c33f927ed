// {the two drivers as the parent} x {Node 18 to 26, Bun, Deno and the three Rust children} x {json, advanced} x
// {the scenarios}.
import assert from 'node:assert';
import { describe, test } from 'node:test';
import { runtimes } from '../runtimes/index.mjs';
import { children } from './children.mjs';
import { runGroup } from './parent-cell.mjs';
import { gapsOf } from './parent-gaps.mjs';

// See test/interop/parent/scenarios.
const json = ['establishment', 'messages', 'given', 'taken', 'order', 'never', 'sockets', 'life', 'pressure'];
// How a child is started is the same in both modes.
const advanced = [...json.filter((group) => group !== 'establishment'), 'advanced'];

/** Bun and Deno have an `advanced` mode, but in formats of their own. */
const groupsOf = ({ kind }) => ({ json, advanced: ['bun', 'deno'].includes(kind) ? ['dialects'] : advanced });

const KINDS = { worker: 'command', blocking: 'blocking', tokio: 'tokio' };
const rust = children.map(({ kind, binary }) => ({ name: `rust ${kind}`, kind: KINDS[kind], bin: binary }));

describe('parent matrix', { concurrency: 2 }, () => {
  for (const child of [...runtimes, ...rust]) {
    for (const driver of ['blocking', 'tokio']) {
      for (const [mode, groups] of Object.entries(groupsOf(child))) {
        for (const group of groups) {
          test(`${driver} -> ${child.name}, ${mode}: ${group}`, (t) => cell(t, driver, child, mode, group));
        }
      }
    }
  }
});

async function cell(t, driver, child, serialization, group) {
  const gaps = gapsOf(child.name);
  const leaveOut = gaps.map(({ scenario }) => scenario);
  const { results, crash } = await runGroup(driver, child, group, { serialization, leaveOut });
  for (const { name, outcome, detail } of results) {
    if (outcome === 'left out') {
      const { reason } = gaps.find(({ scenario }) => name.startsWith(scenario));
      await t.test(`cannot: ${name} (${reason})`, () => stillFails(driver, child, serialization, group, name));
    } else {
      await t.test(name, () => {
        if (outcome === 'failed') assert.fail(detail);
      });
    }
  }
  assert.strictEqual(crash, undefined);
  assert.ok(results.length > 0, 'there is something for every child in every group');
}

async function stillFails(driver, child, serialization, group, name) {
  const { results } = await runGroup(driver, child, group, { serialization, only: name, wait: 2000 });
  assert.strictEqual(results[0]?.outcome, 'failed', 'this works now: remove its row from parent-gaps.mjs');
}
