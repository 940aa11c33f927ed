// Runs one cell of the matrix: a scenario file, in a runtime, with a kind of child.
import { join } from 'node:path';
import { commandLine } from '../runtimes/index.mjs';
import { runScenarios } from './process.mjs';

const DEADLINE_MS = 240_000;

/**
 * @param {object} options what kit/runner.cjs takes: the serialization and the selection of scenarios; and their `turn`
 * @returns the result of runScenarios(), and `crash`: how the runtime ended if it did not finish the file
 */
export async function runCell(runtime, file, { kind, binary }, { turn, ...options } = {}, deadline = DEADLINE_MS) {
  const script = join(import.meta.dirname, 'scenarios', file);
  const args = commandLine(runtime, script, [kind, binary, JSON.stringify(options)]);
  const { end, ...outcome } = await runScenarios(runtime.bin, args, deadline, turn);
  return { ...outcome, crash: end && `${runtime.name} ended in ${file} with ${end}` };
}
