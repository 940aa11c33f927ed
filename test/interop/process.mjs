// Runs a program that prints a JSON line for each of its scenarios: a cell of either matrix.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/**
 * @param {string} [turn] which of its scenarios it runs: see kit/turn.cjs
 * @returns {Promise<{ results: { name: string, outcome: string, detail?: string }[], stderr: string, end?: string }>}
 *   `end`: how it ended if it did not finish its scenarios
 */
export async function runScenarios(program, args, deadline, turn = '') {
  // A separate folder, so that files of a killed child, such as socket paths, are removed with it.
  const folder = mkdtempSync(join(tmpdir(), 'crossfork-'));
  try {
    return await run(program, args, { TMPDIR: folder, CROSSFORK_TURN: turn }, deadline);
  } finally {
    // Children that have lost their parent may still be exiting.
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

async function run(program, args, env, deadline) {
  const running = spawn(program, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: deadline,
    killSignal: 'SIGKILL',
  });
  let stderr = '';
  running.stderr.on('data', (bytes) => {
    stderr += bytes;
  });
  const results = [];
  let finished = false;
  createInterface({ input: running.stdout }).on('line', (line) => {
    const result = JSON.parse(line);
    if (result.finished) finished = true;
    else results.push(result);
  });
  const [code, signal] = await once(running, 'close');
  return { results, stderr, end: finished ? undefined : `${signal ?? code}: ${stderr}` };
}
