'use strict';

// The addon, loaded at the first call that needs it: fork and the like are plain JavaScript, and this package can be
// imported where there is no addon.

const { createRequire } = require('node:module');
const { NAMES, pathOf } = require('./platform.cjs');
const { unavailable } = require('./unavailable.cjs');

let addon;

/** The addon's functions. Throws where it cannot be loaded. */
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

// Names in full, for so do bundlers and tracers see which files there are. What is in a `try` block may be missing.

/** What was built in this package's folder. */
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

/** What was built for a platform that there is no package for. */
function other(path) {
  return path === undefined ? { error: undefined } : { found: createRequire(path)(path) };
}

/** What was built in advance, and installed beside this package. */
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

/** Why a file was of no use. */
function reasonOf(error) {
  if (error === undefined) return 'not there';
  const { code, message } = error;
  const missing = code === 'MODULE_NOT_FOUND' || code === 'ENOENT' || /^Cannot find (module|package)/.test(message);
  // The first line: some list who asked for it.
  return missing ? 'not there' : `${message}`.split('\n', 1)[0];
}

module.exports = { native };
