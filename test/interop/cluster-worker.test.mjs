// {Node 18 to 26 as the primary} x {the three Rust workers} x {round robin, shared sockets} x {json, advanced} x {the
// scenarios}.
import assert from 'node:assert';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { AT_ONCE, selected } from '../cells.mjs';
import { runtimes } from '../runtimes/index.mjs';
import { clusterWorkers as cells } from './cells.mjs';
import { workers } from './cluster/workers.mjs';
import { runScenarios } from './process.mjs';

const DEADLINE_MS = 240_000;

describe('workers of a cluster', { concurrency: AT_ONCE }, () => {
  for (const { runtime: name, worker, policy, mode: serialization, file, turn } of selected(cells)) {
    const runtime = runtimes.find((one) => one.name === name);
    const { kind, binary } = workers.find((one) => one.kind === worker);
    test(`${name} -> ${kind}, ${policy}, ${serialization}: ${file}`, async (t) => {
      const script = join(import.meta.dirname, 'cluster', file);
      const options = JSON.stringify({ policy, serialization });
      const { results, end } = await runScenarios(runtime.bin, [script, kind, binary, options], DEADLINE_MS, turn);
      for (const { name, outcome, detail } of results) {
        await t.test(name, { skip: outcome === 'skipped' && detail }, () => {
          if (outcome === 'failed') assert.fail(detail);
        });
      }
      assert.strictEqual(end, undefined);
    });
  }
});
