// Runs a group of scenarios of the parent matrix in a separate process.
import { artifact } from '../artifacts.mjs';
import { runScenarios } from './process.mjs';

const parent = artifact('interop-parent');
const DEADLINE_MS = 240_000;

/**
 * @param {object} child what it forks: a runtime, or an object like one
 * @param {object} options what test/interop/parent/main.rs takes: the serialization and the selection of scenarios; and
 *   their `turn`
 * @returns the result of runScenarios(), and `crash`: how the parent ended if it did not finish the group
 */
export async function runGroup(driver, child, group, { serialization = 'json', turn, ...options } = {}) {
  const args = [driver, JSON.stringify(child), group, JSON.stringify(options)];
  if (serialization === 'advanced') args.push('--advanced');
  const { end, ...outcome } = await runScenarios(parent, args, DEADLINE_MS, turn);
  return { ...outcome, crash: end && `the parent ended with ${end}` };
}
