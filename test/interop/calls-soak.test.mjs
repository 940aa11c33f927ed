// A hundred thousand calls with cancels, deaths and reloads at random, divided among all Nodes, drivers and
// serializations: each outcome is accounted for, and nothing is left behind. The quick tier makes a few thousand.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { artifact } from '../artifacts.mjs';
import { TIER } from '../cells.mjs';
import { runtimes } from '../runtimes/index.mjs';
import { EveryNode } from './every-node.mjs';

const run = promisify(execFile);
const program = artifact('calls-worker');
const soak = join(import.meta.dirname, 'calls/soak.cjs');

const DRIVERS = ['blocking', 'tokio'];
const MODES = ['json', 'advanced'];
const ALL = TIER === 'full' ? 100_000 : 20_000;
const cells = runtimes.filter(({ kind }) => kind === 'node').length * DRIVERS.length * MODES.length;
const calls = Math.ceil(ALL / cells);

const suite = new EveryNode();
for (const driver of DRIVERS) {
  for (const serialization of MODES) {
    suite.test(`${calls} calls leave nothing behind (${driver}, ${serialization})`, {}, async (t, { bin }) => {
      const { stdout } = await run(bin, [soak, program, driver, serialization, `${calls}`], { timeout: 300_000 });
      t.diagnostic(stdout.trim());
    });
  }
}
suite.register();
