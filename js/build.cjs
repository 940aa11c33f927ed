'use strict';

// Builds the Rust parts with cargo, and returns their paths. Run directly (`npm run build`), it builds the addon and the
// `crossfork` command in release mode, puts them where js/load.cjs looks first, and prints their paths.
// `--to FOLDER` puts them elsewhere.

const { spawnSync } = require('node:child_process');
const { copyFileSync, mkdirSync, renameSync } = require('node:fs');
const { join } = require('node:path');

const ROOT = join(__dirname, '..');

/**
 * @param {{ bin?: string, example?: string, features?: string[], release?: boolean }} target one of bin and example
 * @param {{ subcommand?: string, args?: string[], env?: object }} [how] how to call cargo; by default `cargo build`
 * @returns {string} the path of the executable
 */
function build({ bin, example, features = [], release = false }, how) {
  const name = bin ?? example;
  const args = [bin ? '--bin' : '--example', name];
  if (features.length > 0) args.push('--features', features.join(','));
  if (release) args.push('--release');
  const artifacts = cargo(name, args, how);
  const executable = artifacts.find(({ target, executable }) => target.name === name && executable)?.executable;
  if (!executable) throw new Error(`Cannot build ${name}: cargo did not report an executable.`);
  return executable;
}

/** @returns {string} the path of the library, which must be renamed to `.node` before Node loads it */
function buildAddon(how) {
  const artifacts = cargo('the addon', ['--package', 'crossfork-addon', '--release'], how);
  const library = artifacts.find(({ target }) => target.kind.includes('cdylib'))?.filenames[0];
  if (!library) throw new Error('Cannot build the addon: cargo did not report a library.');
  return library;
}

/**
 * Builds everything that the package needs at run time.
 * @param {string} folder where to put it
 * @param {{ addon?: object, command?: object }} how how to build each: see `build`
 * @returns {string[]} the paths of the addon and of the command
 */
function buildNative(folder = join(ROOT, 'native', platform()), how = {}) {
  const addon = place(buildAddon(how.addon), folder, 'crossfork.node');
  const command = build({ bin: 'crossfork', features: ['cli'], release: true }, how.command);
  return [addon, place(command, folder, 'crossfork')];
}

/** Returns the platform's name in packages: operating system, processor, C library. */
function platform() {
  const { platform, arch, report } = process;
  if (platform !== 'linux') return `${platform}-${arch}`;
  return `linux-${arch}-${report.getReport().header.glibcVersionRuntime ? 'gnu' : 'musl'}`;
}

/** Copies and then renames, because overwriting the old file in place would crash processes that use it. */
function place(file, folder, name) {
  mkdirSync(folder, { recursive: true });
  const fresh = join(folder, `.${name}.${process.pid}`);
  copyFileSync(file, fresh);
  renameSync(fresh, join(folder, name));
  return join(folder, name);
}

/** Runs cargo, and returns the artifacts that it reports. Its progress and the compiler's messages go to stderr. */
function cargo(name, args, { subcommand = 'build', args: more = [], env = {} } = {}) {
  const cargo = spawnSync('cargo', [subcommand, '--message-format=json-render-diagnostics', ...args, ...more], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: Infinity,
  });
  if (cargo.error?.code === 'ENOENT') {
    throw new Error(`Cannot build ${name}: cargo is not on the PATH. Install Rust (https://rustup.rs) and try again.`);
  }
  if (cargo.error) throw new Error(`Cannot build ${name}: ${cargo.error.message}`);
  if (cargo.status !== 0)
    throw new Error(`Cannot build ${name}: cargo failed with ${cargo.signal ?? `exit code ${cargo.status}`}.`);
  const lines = cargo.stdout.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line)).filter(({ reason }) => reason === 'compiler-artifact');
}

module.exports = { build, buildNative, cargo, platform };

if (require.main === module) {
  try {
    const to = process.argv.indexOf('--to');
    for (const path of buildNative(to < 0 ? undefined : process.argv[to + 1])) console.log(path);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
