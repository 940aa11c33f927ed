// One cell of the matrix: a scenario file, run by a runtime, with a kind of child.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { commandLine } from '../runtimes/index.mjs';

const DEADLINE_MS = 120_000;

/**
 * @param {object} options what kit/runner.cjs takes: the selection of scenarios
 * @returns {Promise<{ results: { name: string, outcome: string, detail?: string }[], stderr: string, crash?: string }>}
 *   `crash`: how the runtime ended, when it did not come to the end of the file
 */
export async function runCell(runtime, file, { kind, binary }, options = {}, deadline = DEADLINE_MS) {
  const script = join(import.meta.dirname, 'scenarios', file);
  const parent = spawn(runtime.bin, commandLine(runtime, script, [kind, binary, JSON.stringify(options)]), {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: deadline,
    killSignal: 'SIGKILL',
  });
  let stderr = '';
  parent.stderr.on('data', (bytes) => {
    stderr += bytes;
  });
  const results = [];
  let finished = false;
  createInterface({ input: parent.stdout }).on('line', (line) => {
    const result = JSON.parse(line);
    if (result.finished) finished = true;
    else results.push(result);
  });
  const [code, signal] = await once(parent, 'close');
  const crash = finished ? undefined : `${runtime.name} ended with ${signal ?? code} in ${file}: ${stderr}`;
  return { results, stderr, crash };
}
