// A program that runs scenarios and prints a JSON line for each: a cell of either matrix.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/**
 * @returns {Promise<{ results: { name: string, outcome: string, detail?: string }[], stderr: string, end?: string }>}
 *   `end`: how it ended, when it did not come to the end of its scenarios
 */
export async function runScenarios(program, args, deadline) {
  // Of its own: what a killed child leaves there, its sockets' paths for one, goes with it.
  const folder = mkdtempSync(join(tmpdir(), 'crossfork-'));
  try {
    return await run(program, args, { TMPDIR: folder }, deadline);
  } finally {
    // Children that have lost their parent may still be on their way out.
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
