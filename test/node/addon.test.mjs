// Tests the addon in every runtime: each file in inside/ is a program that runs scenarios.
import assert from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { commandLine, runtimes } from '../runtimes/index.mjs';
import './native.mjs';

const DEADLINE_MS = 240_000;
const FOLDER = join(import.meta.dirname, 'inside');

const files = readdirSync(FOLDER).filter((file) => file.endsWith('.cjs') && file !== 'kit.cjs');

for (const runtime of runtimes) {
  for (const file of files) {
    test(`${runtime.name}: ${file}`, async (t) => {
      const results = await runFile(runtime, join(FOLDER, file));
      for (const { name, outcome, detail } of results) {
        await t.test(name, { skip: outcome === 'skipped' && detail }, () => {
          assert.strictEqual(outcome, 'passed', detail);
        });
      }
    });
  }
}

/** Arguments that let the program trigger a garbage collection. */
const collectable = {
  node: (first) => ['--expose-gc', first],
  bun: (first) => [first],
  deno: (first) => [first, '--v8-flags=--expose-gc'],
};

async function runFile(runtime, script) {
  const [first, ...rest] = commandLine(runtime, script);
  const child = spawn(runtime.bin, [...collectable[runtime.kind](first), ...rest], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: DEADLINE_MS,
    killSignal: 'SIGKILL',
  });
  let stderr = '';
  child.stderr.on('data', (bytes) => {
    stderr += bytes;
  });
  const results = [];
  createInterface({ input: child.stdout }).on('line', (line) => results.push(JSON.parse(line)));
  const [code, signal] = await once(child, 'close');
  const last = results.pop();
  assert.ok(last?.finished, `${runtime.name} ended with ${signal ?? code} after "${last?.name}": ${stderr}`);
  return results;
}
