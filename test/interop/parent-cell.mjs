// A group of scenarios of the parent's matrix, in a process of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const { build } = createRequire(import.meta.url)('../../js/build.cjs');

const parent = process.env.CROSSFORK_INTEROP_PARENT ?? build({ example: 'interop-parent', features: ['tokio'] });
const DEADLINE_MS = 180_000;

/**
 * @param {object} child what it forks: one of the runtimes, or the like
 * @param {object} options what test/interop/parent/main.rs takes: the selection of scenarios
 * @returns {Promise<{ results: { name: string, outcome: string, detail?: string }[], crash?: string }>}
 *   `crash`: how the parent ended, when it did not come to the end of the group
 */
export async function runGroup(driver, child, group, options = {}) {
  const running = spawn(parent, [driver, JSON.stringify(child), group, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: DEADLINE_MS,
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
  return { results, crash: finished ? undefined : `the parent ended with ${signal ?? code}: ${stderr}` };
}
