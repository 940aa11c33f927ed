// The quick tier covers every pair of values that the full tier combines.
import assert from 'node:assert';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { cells, selected, shardOf, tierOf, uncovered } from '../cells.mjs';
import * as suites from '../interop/cells.mjs';
import { runtimes, withoutNode as skip } from '../runtimes/index.mjs';
import { turnOf } from './inside.mjs';

const { inTurn } = createRequire(import.meta.url)('../interop/kit/turn.cjs');

const WHOLE = { index: 0, count: 1 };
const nodes = runtimes.filter(({ kind }) => kind === 'node').map(({ name }) => name);

for (const [name, all] of Object.entries(suites)) {
  test(`cells: ${name}: every pair of the full tier is in the quick tier`, (t) => {
    const quick = selected(all, 'quick', WHOLE);
    assert.deepStrictEqual(uncovered(all, quick), []);
    assert.strictEqual(selected(all, 'full', WHOLE).length, all.length);
    t.diagnostic(`${name}: ${quick.length} of ${all.length} cells are quick`);
  });

  test(`cells: ${name}: the quick tier has more cells for the oldest and the newest Node than for others`, (t) => {
    if (nodes.length < 3 || !('runtime' in all[0])) return t.skip('it does not depend on the version of Node');
    const count = (runtime) =>
      selected(all, 'quick', WHOLE).filter((cell) => cell.runtime === runtime && !cell.heavy).length;
    const most = Math.max(...nodes.slice(1, -1).map(count));
    assert.ok(
      count(nodes[0]) > most && count(nodes.at(-1)) > most,
      nodes.map((name) => [name, count(name)]).join('; '),
    );
  });
}

for (const [all, item] of [
  [suites.children, 'file'],
  [suites.parents, 'group'],
]) {
  test(`cells: the quick tier has the heavy scenarios of every ${item} once per mode`, { skip }, () => {
    const key = (cell) => `${cell[item]}, ${cell.mode}`;
    const heavy = selected(all, 'quick', WHOLE).filter((cell) => cell.heavy);
    // These have no heavy scenarios, and do not run for every runtime or child.
    const light = (cell) => /^(dialects|draining)/.test(cell[item]);
    const expected = new Set(all.filter((cell) => !light(cell)).map(key));
    assert.deepStrictEqual(heavy.map(key).sort(), [...expected].sort());
    assert.ok(selected(all, 'full', WHOLE).every(({ heavy }) => heavy));
  });
}

test('cells: impossible combinations are not cells, and do not count as uncovered', () => {
  const possible = ({ a, b }) => a !== '1' || b !== 'x';
  const all = cells({ a: ['1', '2'], b: ['x', 'y'], c: ['p', 'q'] }, { possible });
  assert.strictEqual(all.length, 6);
  const quick = selected(all, 'quick', WHOLE);
  assert.ok(quick.every(possible));
  assert.deepStrictEqual(uncovered(all, quick), []);
});

test('cells: uncovered pairs are named', () => {
  const all = cells({ a: ['1', '2'], b: ['x', 'y'] });
  assert.deepStrictEqual(uncovered(all, [all[0]]), ['a 1, b y', 'a 2, b x', 'a 2, b y']);
});

test('cells: the shards of a tier contain each cell once', () => {
  const all = cells({ a: ['1', '2', '3'], b: ['x', 'y'], c: ['p', 'q'] });
  for (const tier of ['quick', 'full']) {
    const parts = ['1/3', '2/3', '3/3'].flatMap((part) => selected(all, tier, shardOf(part)));
    const text = (cells) => cells.map((cell) => JSON.stringify(cell)).sort();
    assert.deepStrictEqual(text(parts), text(selected(all, tier, WHOLE)));
  }
});

test('turns: in the quick tier every runtime runs a part of every file, and each scenario runs on a Node and on another', () => {
  const all = ['node18', 'node20', 'node22', 'node24', 'node26', 'bun', 'deno'].map((name) => {
    return { name, kind: /^[a-z]+/.exec(name)[0] };
  });
  for (const length of [1, 2, 3, 50]) {
    const scenarios = Array.from({ length }, (_, i) => i);
    const shares = all.map((runtime) => [runtime.name, inTurn(scenarios, turnOf(runtime, all, 'quick'))]);
    for (const [name, own] of shares) assert.notStrictEqual(own.length, 0, name);
    for (const scenario of scenarios) {
      const on = shares.filter(([, own]) => own.includes(scenario)).map(([name]) => name);
      const groups = [/node/, /bun|deno/];
      for (const group of groups)
        assert.ok(
          on.some((name) => group.test(name)),
          `${scenario} of ${length}: ${on}`,
        );
      if (length === 50) assert.strictEqual(on.length, 2, `${scenario}: ${on}`);
    }
    for (const runtime of all) assert.deepStrictEqual(inTurn(scenarios, turnOf(runtime, all, 'full')), scenarios);
  }
});

test('cells: an invalid tier or shard is an error that says what is valid', () => {
  assert.throws(() => tierOf('slow'), /CROSSFORK_TIER is slow: it must be quick or full/);
  for (const text of ['0/2', '3/2', '1', 'a/b', '1/0'])
    assert.throws(() => shardOf(text), /it must be like 2\/5/, text);
});
