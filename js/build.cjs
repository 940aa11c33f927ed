'use strict';

// Builds what is written in Rust with cargo, and tells where it is. Run directly (`npm run build`) it builds the
// release of the addon and of the `crossfork` command, puts them where js/load.cjs looks first, and prints their paths.
// `--to FOLDER` puts them elsewhere.

const { spawnSync } = require('node:child_process');
const { copyFileSync, mkdirSync, renameSync } = require('node:fs');
const { join } = require('node:path');

const ROOT = join(__dirname, '..');

/**
 * @param {{ bin?: string, example?: string, features?: string[], release?: boolean }} target one of bin and example
 * @returns {string} the path of the executable
 */
function build({ bin, example, features = [], release = false }) {
  const name = bin ?? example;
  const args = [bin ? '--bin' : '--example', name];
  if (features.length > 0) args.push('--features', features.join(','));
  if (release) args.push('--release');
  const executable = cargo(name, args).find(
    (artifact) => artifact.target.name === name && artifact.executable,
  )?.executable;
  if (!executable) throw new Error(`Cannot build ${name}: cargo did not say where it put the executable.`);
  return executable;
}

/** @returns {string} the path of the library, which Node loads once it has another name */
function buildAddon() {
  const artifacts = cargo('the addon', ['--package', 'crossfork-addon', '--release']);
  const library = artifacts.find(({ target }) => target.kind.includes('cdylib'))?.filenames[0];
  if (!library) throw new Error('Cannot build the addon: cargo did not say where it put the library.');
  return library;
}

/**
 * Builds all that the package needs at run time.
 * @param {string} folder where it is put
 * @returns {string[]} the paths of the addon and of the command
 */
function buildNative(folder = join(ROOT, 'native', platform())) {
  const addon = place(buildAddon(), folder, 'crossfork.node');
  return [addon, place(build({ bin: 'crossfork', features: ['cli'], release: true }), folder, 'crossfork')];
}

/** The platform's name in packages: operating system, processor, C library. */
function platform() {
  const { platform, arch, report } = process;
  if (platform !== 'linux') return `${platform}-${arch}`;
  return `linux-${arch}-${report.getReport().header.glibcVersionRuntime ? 'gnu' : 'musl'}`;
}

/** Renamed into place, for a process that has the old one open would not survive that it is overwritten. */
function place(file, folder, name) {
  mkdirSync(folder, { recursive: true });
  const fresh = join(folder, `.${name}.${process.pid}`);
  copyFileSync(file, fresh);
  renameSync(fresh, join(folder, name));
  return join(folder, name);
}

/** What cargo says that it has made. Its progress and the compiler's complaints go to stderr. */
function cargo(name, args) {
  const cargo = spawnSync('cargo', ['build', '--message-format=json-render-diagnostics', ...args], {
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
  const lines = cargo.stdout.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line)).filter(({ reason }) => reason === 'compiler-artifact');
}

module.exports = { build, buildNative, cargo };

if (require.main === module) {
  try {
    const to = process.argv.indexOf('--to');
    for (const path of buildNative(to < 0 ? undefined : process.argv[to + 1])) console.log(path);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
