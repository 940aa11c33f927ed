'use strict';

// The error for what cannot be had here: why, what works without it, and what would help, if anything does.

const { existsSync } = require('node:fs');
const { basename, join } = require('node:path');
const { NAMES, ROOT } = require('./platform.cjs');

const SYSTEMS = { linux: 'Linux', darwin: 'macOS', win32: 'Windows' };

/** Processors that there are packages for. */
const PREBUILT = ['x64', 'arm64'];

const WHAT = {
  addon: { called: 'the addon of crossfork, which all that works with descriptors needs', without: withoutAddon },
  command: { called: 'the command of crossfork', without: () => undefined },
};

/**
 * @param {'addon' | 'command'} what
 * @param {string[]} tried places, and why each was of no use
 * @param {unknown[]} [causes] the errors of these places
 */
function unavailable(what, tried, causes = []) {
  const { called, without } = WHAT[what];
  const [code, why, help] = reason(tried, causes);
  const lines = [`Cannot load ${called}: ${why}`, without(code), help].filter(Boolean);
  return Object.assign(new Error(lines.join('\n')), { code });
}

function withoutAddon(code) {
  if (process.platform === 'win32') return undefined;
  // Where the addon was not found, the command is not there either.
  const others = code === 'ERR_DLOPEN_DISABLED' ? ', clusterFork and crossforkPath' : ' and clusterFork';
  return `What needs no addon works: fork${others}.`;
}

function reason(tried, causes) {
  const here = `${SYSTEMS[process.platform] ?? process.platform} on ${process.arch}`;
  if (process.platform !== 'linux') {
    const help =
      process.platform === 'win32' ? 'On Windows nothing of crossfork works; in WSL 2 all of it does.' : undefined;
    return ['ERR_FEATURE_UNAVAILABLE_ON_PLATFORM', `it is for Linux alone, and this is ${here}.`, help];
  }
  const flag = forbidden(causes);
  if (flag !== undefined) return ['ERR_DLOPEN_DISABLED', 'this process may not load addons.', `Start it ${flag}.`];
  const why = [`none was found for ${here}. Tried:`, ...tried.map((place) => `  - ${place}`)];
  return ['ERR_CROSSFORK_NOT_BUILT', why.join('\n'), help()];
}

/** The flag that would change it, where the runtime was told to load no addons. */
function forbidden(causes) {
  if (causes.some((error) => error?.code === 'ERR_DLOPEN_DISABLED')) {
    return process.permission ? 'with --allow-addons' : 'without --no-addons';
  }
  return causes.some((error) => `${error?.message}`.includes('--allow-ffi')) ? 'with --allow-ffi' : undefined;
}

function help() {
  if (ROOT === undefined || basename(__filename) !== 'unavailable.cjs' || !existsSync(__filename)) {
    return 'This code is in a bundle. Keep crossfork external, or have the bundler copy its files: see docs/bundlers.md in its repository.';
  }
  const build = join(__dirname, 'build.cjs');
  if (existsSync(build) && existsSync(join(ROOT, 'src', 'addon', 'Cargo.toml'))) {
    return `Build it from source, with cargo (https://rustup.rs) on the PATH:\n  node ${JSON.stringify(build)}`;
  }
  if (!PREBUILT.includes(process.arch)) return `There are packages for ${PREBUILT.join(' and ')} alone.`;
  const packages = NAMES.map((name) => `crossfork-${name}`).join(' or ');
  return `Install the package for this platform, which "--omit=optional" leaves out: ${packages}.`;
}

module.exports = { unavailable };
