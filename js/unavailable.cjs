'use strict';

// The error if the addon or the command cannot be loaded: why, what still works without it, and what to do.

const { existsSync } = require('node:fs');
const { basename, join } = require('node:path');
const { NAMES, ROOT } = require('./platform.cjs');

const SYSTEMS = { linux: 'Linux', darwin: 'macOS', win32: 'Windows' };

/** The processors that packages exist for. */
const PREBUILT = ['x64', 'arm64'];

const WHAT = {
  addon: { called: 'the crossfork addon, which all descriptor functions need', without: withoutAddon },
  command: { called: 'the crossfork command', without: () => undefined },
};

/**
 * @param {'addon' | 'command'} what
 * @param {string[]} tried the places that were tried, each with the reason why it failed
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
  // If the addon was not found, the command is missing too.
  const others = code === 'ERR_DLOPEN_DISABLED' ? ', clusterFork and crossforkPath' : ' and clusterFork';
  return `These functions work without the addon: fork${others}.`;
}

function reason(tried, causes) {
  const here = `${SYSTEMS[process.platform] ?? process.platform} on ${process.arch}`;
  if (process.platform !== 'linux') {
    const help =
      process.platform === 'win32'
        ? 'Nothing in crossfork works on Windows. Use WSL 2, where all of it works.'
        : undefined;
    return ['ERR_FEATURE_UNAVAILABLE_ON_PLATFORM', `it supports only Linux, and this is ${here}.`, help];
  }
  const flag = flagToLoad(causes);
  if (flag !== undefined)
    return ['ERR_DLOPEN_DISABLED', 'this process is not allowed to load addons.', `Start it ${flag}.`];
  const why = [`no file for ${here} was found. Tried:`, ...tried.map((place) => `  - ${place}`)];
  return ['ERR_CROSSFORK_NOT_BUILT', why.join('\n'), help()];
}

/** Returns the flag to change if the runtime was told not to load addons. */
function flagToLoad(causes) {
  if (causes.some((error) => error?.code === 'ERR_DLOPEN_DISABLED')) {
    return process.permission ? 'with --allow-addons' : 'without --no-addons';
  }
  return causes.some((error) => `${error?.message}`.includes('--allow-ffi')) ? 'with --allow-ffi' : undefined;
}

function help() {
  if (ROOT === undefined || basename(__filename) !== 'unavailable.cjs' || !existsSync(__filename)) {
    return 'This code is in a bundle. Keep crossfork external, or configure the bundler to copy its files: see docs/bundlers.md in its repository.';
  }
  const build = join(__dirname, 'build.cjs');
  if (existsSync(build) && existsSync(join(ROOT, 'src', 'addon', 'Cargo.toml'))) {
    return `Build it from source, with cargo (https://rustup.rs) on the PATH:\n  node ${JSON.stringify(build)}`;
  }
  if (!PREBUILT.includes(process.arch)) return `Packages exist only for ${PREBUILT.join(' and ')}.`;
  const packages = NAMES.map((name) => `crossfork-${name}`).join(' or ');
  return `Install the package for this platform (npm skips it with "--omit=optional"): ${packages}.`;
}

module.exports = { unavailable };
