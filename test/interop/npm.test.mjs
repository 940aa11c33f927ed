// Programs from npm that use the channel of fork(), unmodified, with Rust at its other end.
import assert from 'node:assert';
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { runtimes } from '../runtimes/index.mjs';
import { modules } from './npm/index.mjs';
import { runGroup } from './parent-cell.mjs';

const { build } = createRequire(import.meta.url)('../../js/build.cjs');

const worker = build({ example: 'workerpool-worker', features: ['tokio'] });
const nodes = runtimes.filter(({ kind }) => kind === 'node');

describe('npm', { concurrency: 2 }, () => {
  for (const runtime of nodes) {
    for (const driver of ['blocking', 'tokio']) {
      test(`a Rust parent (${driver}) drives the programs on ${runtime.name}`, async (t) => {
        const { results, crash } = await runGroup(driver, { ...runtime, modules }, 'npm');
        for (const { name, outcome, detail } of results) {
          await t.test(name, () => assert.strictEqual(outcome, 'passed', detail));
        }
        assert.strictEqual(crash, undefined);
        assert.strictEqual(results.length, 5);
      });

      test(`workerpool on ${runtime.name} forks workers in Rust (${driver})`, async () => {
        const script = join(import.meta.dirname, 'npm', 'pool.cjs');
        const { stdout } = await promisify(execFile)(runtime.bin, [script, worker, driver], { timeout: 60_000 });
        const { pids, ...rest } = JSON.parse(stdout);
        assert.deepStrictEqual(rest, {
          right: true,
          failure: { name: 'TypeError', message: 'it failed on purpose' },
          unknown: 'Unknown method "nothing"',
          proxied: 42,
          tooLong: 'Promise timed out after 200 ms',
        });
        assert.strictEqual(pids.length, 2);
        for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
      });
    }
  }
});
