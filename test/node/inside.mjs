// Programs that run scenarios inside a runtime, and print a JSON line for each.
//
// In the full tier every runtime runs every scenario. In the quick tier they take turns: each scenario is run on one Node,
// and in Bun or Deno. So every runtime runs a part of every file.
import assert from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { AT_ONCE, TIER } from '../cells.mjs';
import { commandLine, runtimes } from '../runtimes/index.mjs';

/**
 * Registers a test for each runtime and each file.
 * @param {string} name of the suite
 * @param {string} folder each file in it is a program, but for kit.cjs
 * @param {object} [options]
 * @param {number} [options.deadline] for a file, in milliseconds
 * @param {(runtime: object, script: string) => string[]} [options.args] what makes the runtime run the file
 */
export function runInside(name, folder, { deadline = 400_000, args = commandLine } = {}) {
  const files = readdirSync(folder).filter((file) => file.endsWith('.cjs') && file !== 'kit.cjs');
  describe(name, { concurrency: AT_ONCE }, () => {
    for (const file of files) {
      for (const runtime of runtimes) {
        test(`${runtime.name}: ${name}: ${file}`, async (t) => {
          const command = [runtime.bin, ...args(runtime, join(folder, file))];
          for (const { name, outcome, detail } of await results(command, turnOf(runtime, runtimes), deadline)) {
            await t.test(name, { skip: outcome === 'skipped' && detail }, () => {
              assert.strictEqual(outcome, 'passed', detail);
            });
          }
        });
      }
    }
  });
}

/** The scenarios of a file that a runtime runs, as CROSSFORK_TURN has them; undefined if it runs all. */
export function turnOf(runtime, runtimes, tier = TIER) {
  if (tier === 'full') return undefined;
  const isNode = ({ kind }) => kind === 'node';
  const group = runtimes.filter((one) => isNode(one) === isNode(runtime));
  return `${group.indexOf(runtime) + 1}/${group.length}`;
}

async function results([file, ...args], turn, deadline) {
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...(turn && { CROSSFORK_TURN: turn }) },
    timeout: deadline,
    killSignal: 'SIGKILL',
  });
  let stderr = '';
  child.stderr.on('data', (bytes) => {
    stderr += bytes;
  });
  const found = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    // What a worker prints goes to the same place.
    if (line.startsWith('{"')) found.push(JSON.parse(line));
  });
  const [code, signal] = await once(child, 'close');
  const last = found.pop();
  assert.ok(last?.finished, `${file} ended with ${signal ?? code} after "${last?.name}": ${stderr}`);
  return found;
}
