'use strict';

// Loads the addon at the first call that needs it. fork and clusterFork are plain JavaScript, so that this package can be
// imported without the addon.

const { createRequire } = require('node:module');
const { NAMES, pathOf } = require('./platform.cjs');
const { unavailable } = require('./unavailable.cjs');

let addon;

/** Returns the addon's functions. Throws if it cannot be loaded. */
function native() {
  addon ??= load();
  return addon;
}

function load() {
  const tried = [];
  const causes = [];
  for (const name of NAMES) {
    for (const [called, from] of PLACES) {
      const { found, error } = from(name);
      if (found !== undefined) return found;
      tried.push(`${called(name)}: ${reasonOf(error)}`);
      causes.push(error);
    }
  }
  throw unavailable('addon', tried, causes);
}

const PLACES = [
  [(name) => pathOf(name, 'crossfork.node') ?? 'the folder of this package', fromHere],
  [(name) => `the package crossfork-${name}`, fromPackage],
];

// The names are literals, because bundlers and file tracers need them to find the files. A file that is required in a
// `try` block may be missing.

/** Loads the addon that was built in this package's folder. */
function fromHere(name) {
  try {
    switch (name) {
      case 'linux-x64-gnu':
        return { found: require('../native/linux-x64-gnu/crossfork.node') };
      case 'linux-x64-musl':
        return { found: require('../native/linux-x64-musl/crossfork.node') };
      case 'linux-arm64-gnu':
        return { found: require('../native/linux-arm64-gnu/crossfork.node') };
      case 'linux-arm64-musl':
        return { found: require('../native/linux-arm64-musl/crossfork.node') };
      default:
        return other(pathOf(name, 'crossfork.node'));
    }
  } catch (error) {
    return { error };
  }
}

/** Loads the addon that was built for a platform without a package. */
function other(path) {
  return path === undefined ? { error: undefined } : { found: createRequire(path)(path) };
}

/** Loads the prebuilt addon, from the package for this platform. */
function fromPackage(name) {
  try {
    switch (name) {
      case 'linux-x64-gnu':
        return { found: require('crossfork-linux-x64-gnu/crossfork.node') };
      case 'linux-x64-musl':
        return { found: require('crossfork-linux-x64-musl/crossfork.node') };
      case 'linux-arm64-gnu':
        return { found: require('crossfork-linux-arm64-gnu/crossfork.node') };
      case 'linux-arm64-musl':
        return { found: require('crossfork-linux-arm64-musl/crossfork.node') };
      default:
        return { error: undefined };
    }
  } catch (error) {
    return { error };
  }
}

/** Returns why a file could not be loaded. */
function reasonOf(error) {
  if (error === undefined) return 'not found';
  const { code, message } = error;
  const missing = code === 'MODULE_NOT_FOUND' || code === 'ENOENT' || /^Cannot find (module|package)/.test(message);
  // Only the first line, because some messages continue with the modules that required it.
  return missing ? 'not found' : `${message}`.split('\n', 1)[0];
}

module.exports = { native };
