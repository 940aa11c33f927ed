'use strict';

// Builds one of the package's executables with cargo and tells where it is.
// Run directly (`npm run build`) it builds the release `crossfork` command and prints its path.

const { spawnSync } = require('node:child_process');
const { join } = require('node:path');

const ROOT = join(__dirname, '..');

/**
 * @param {{ bin?: string, example?: string, features?: string[], release?: boolean }} target one of bin and example
 * @returns {string} the path of the executable
 */
function build({ bin, example, features = [], release = false }) {
  const name = bin ?? example;
  const args = ['build', '--message-format=json-render-diagnostics', bin ? '--bin' : '--example', name];
  if (features.length > 0) args.push('--features', features.join(','));
  if (release) args.push('--release');

  // Cargo's progress and the compiler's complaints are on stderr, one JSON object a line on stdout.
  const cargo = spawnSync('cargo', args, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: Infinity,
  });
  if (cargo.error?.code === 'ENOENT') {
    throw new Error(`Cannot build ${name}: cargo is not on the PATH. Install Rust (https://rustup.rs) and try again.`);
  }
  if (cargo.error) throw new Error(`Cannot build ${name}: ${cargo.error.message}`);
  if (cargo.status !== 0)
    throw new Error(`Cannot build ${name}: cargo ended with ${cargo.signal ?? `exit code ${cargo.status}`}.`);

  const executable = cargo.stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
    .find(
      (message) => message.reason === 'compiler-artifact' && message.target.name === name && message.executable,
    )?.executable;
  if (!executable) throw new Error(`Cannot build ${name}: cargo did not say where it put the executable.`);
  return executable;
}

module.exports = { build };

if (require.main === module) {
  try {
    console.log(build({ bin: 'crossfork', features: ['cli'], release: true }));
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
