// Formatting of both languages, and the lints of JavaScript and of prose.
import { spawnSync } from 'node:child_process';

for (const [command, ...args] of [
  ['cargo', 'fmt', '--all', '--check'],
  ['node_modules/.bin/biome', 'check', '--error-on-warnings', '.'],
  ['node', 'test/prose/run.mjs'],
]) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' });
  if (error) console.error(`Cannot run ${command}: ${error.message}`);
  if (status !== 0) process.exitCode = 1;
}
