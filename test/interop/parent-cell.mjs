// A group of scenarios of the parent's matrix, in a process of its own.
import { artifact } from '../artifacts.mjs';
import { runScenarios } from './process.mjs';

const parent = artifact('interop-parent');
const DEADLINE_MS = 240_000;

/**
 * @param {object} child what it forks: one of the runtimes, or the like
 * @param {object} options what test/interop/parent/main.rs takes: the serialization and the selection of scenarios
 * @returns what runScenarios() does; `crash`: how the parent ended, when it did not come to the end of the group
 */
export async function runGroup(driver, child, group, { serialization = 'json', ...options } = {}) {
  const args = [driver, JSON.stringify(child), group, JSON.stringify(options)];
  if (serialization === 'advanced') args.push('--advanced');
  const { end, ...outcome } = await runScenarios(parent, args, DEADLINE_MS);
  return { ...outcome, crash: end && `the parent ended with ${end}` };
}
