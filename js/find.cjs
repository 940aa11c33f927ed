'use strict';

// Where everything is that was built for this platform.

const { existsSync } = require('node:fs');
const { dirname, join } = require('node:path');

const ROOT = join(__dirname, '..');

/** The names of what could run here. On Linux it depends on the C library, which only loading tells. */
const names =
  process.platform === 'linux'
    ? ['gnu', 'musl'].map((libc) => `linux-${process.arch}-${libc}`)
    : [`${process.platform}-${process.arch}`];

/** The folders that may hold `crossfork.node` and the command `crossfork`, and how to call them. */
function* places() {
  for (const name of names) {
    const folder = join(ROOT, 'native', name);
    yield { called: folder, folder: existsSync(folder) ? folder : undefined };
  }
  for (const name of names) {
    const called = `the package crossfork-${name}`;
    try {
      yield { called, folder: dirname(require.resolve(`crossfork-${name}/package.json`)) };
    } catch {
      yield { called, folder: undefined };
    }
  }
}

/** What `use` makes of the file of this name that it can use first. It throws for others. */
function find(what, file, use) {
  const tried = [];
  for (const { called, folder } of places()) {
    if (folder === undefined) {
      tried.push(`${called}: not there`);
      continue;
    }
    const path = join(folder, file);
    try {
      return use(path);
    } catch (error) {
      tried.push(`${path}: ${existsSync(path) ? error.message : 'not there'}`);
    }
  }
  const message = [
    `Cannot find crossfork's ${what} for ${process.platform} ${process.arch}. Tried:`,
    ...tried.map((place) => `  - ${place}`),
    'Build it from source, with cargo (https://rustup.rs) on the PATH:',
    `  node ${JSON.stringify(join(__dirname, 'build.cjs'))}`,
  ].join('\n');
  throw Object.assign(new Error(message), { code: 'ERR_CROSSFORK_NOT_BUILT' });
}

module.exports = { find };
