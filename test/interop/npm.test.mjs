// Unmodified npm programs that use the channel of fork(), with Rust at the other end.
import assert from 'node:assert';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { artifact } from '../artifacts.mjs';
import { EveryNode } from './every-node.mjs';
import { modules } from './npm/index.mjs';
import { runGroup } from './parent-cell.mjs';

const worker = artifact('workerpool-worker');

const suite = new EveryNode();

for (const driver of ['blocking', 'tokio']) {
  suite.test(`a Rust parent (${driver}) drives the programs`, {}, async (t, runtime) => {
    const { results, crash } = await runGroup(driver, { ...runtime, modules }, 'npm');
    for (const { name, outcome, detail } of results) {
      await t.test(name, () => assert.strictEqual(outcome, 'passed', detail));
    }
    assert.strictEqual(crash, undefined);
    assert.strictEqual(results.length, 5);
  });

  suite.test(`workerpool forks Rust workers (${driver})`, {}, async (_, runtime) => {
    const script = join(import.meta.dirname, 'npm', 'pool.cjs');
    const { stdout } = await promisify(execFile)(runtime.bin, [script, worker, driver], { timeout: 240_000 });
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

suite.register();
