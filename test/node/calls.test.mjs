// Calls, streams and pools in every runtime: each file of calls/inside/ is a program that runs its scenarios. The quick tier
// leaves out the Nodes between the oldest and the newest.
import assert from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { TIER } from '../cells.mjs';
import { commandLine, runtimes } from '../runtimes/index.mjs';

const DEADLINE_MS = TIER === 'full' ? 3_600_000 : 400_000;
const FOLDER = join(import.meta.dirname, 'calls/inside');

const files = readdirSync(FOLDER).filter((file) => file.endsWith('.cjs') && file !== 'kit.cjs');

const nodes = runtimes.filter(({ kind }) => kind === 'node');
const isBetween = (runtime) => nodes.includes(runtime) && runtime !== nodes[0] && runtime !== nodes.at(-1);

for (const runtime of runtimes.filter((one) => TIER === 'full' || !isBetween(one))) {
  for (const file of files) {
    test(`${runtime.name}: calls: ${file}`, async (t) => {
      const results = await runFile(runtime, join(FOLDER, file));
      for (const { name, outcome, detail } of results) {
        await t.test(name, { skip: outcome === 'skipped' && detail }, () => {
          assert.strictEqual(outcome, 'passed', detail);
        });
      }
    });
  }
}

async function runFile(runtime, script) {
  const child = spawn(runtime.bin, commandLine(runtime, script), {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: DEADLINE_MS,
    killSignal: 'SIGKILL',
  });
  let stderr = '';
  child.stderr.on('data', (bytes) => {
    stderr += bytes;
  });
  const results = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    // What a worker prints goes to the same place.
    if (line.startsWith('{"')) results.push(JSON.parse(line));
  });
  const [code, signal] = await once(child, 'close');
  const last = results.pop();
  assert.ok(last?.finished, `${runtime.name} ended with ${signal ?? code} after "${last?.name}": ${stderr}`);
  return results;
}
