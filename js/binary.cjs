'use strict';

const { createRequire } = require('node:module');
const { dirname, join } = require('node:path');
const { NAMES, pathOf } = require('./platform.cjs');
const { problemOf } = require('./program.cjs');
const { unavailable } = require('./unavailable.cjs');

/** Returns the path of the `crossfork` command that belongs to this package. */
function crossforkPath() {
  const tried = [];
  for (const name of NAMES) {
    for (const [called, path] of [inHere(name), inPackage(name)]) {
      const [, why] = path === undefined ? [undefined, 'not found'] : (problemOf(path) ?? []);
      if (why === undefined) return path;
      tried.push(`${called}: ${why}`);
    }
  }
  throw unavailable('command', tried);
}

function inHere(name) {
  const path = pathOf(name, 'crossfork');
  return [path ?? 'the folder of this package', path];
}

function inPackage(name) {
  try {
    const path = join(dirname(createRequire(__filename).resolve(`crossfork-${name}/package.json`)), 'crossfork');
    return [path, path];
  } catch {
    return [`the package crossfork-${name}`, undefined];
  }
}

module.exports = { crossforkPath };
