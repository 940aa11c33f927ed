'use strict';

// What was built for this platform, and where that is.

const { join } = require('node:path');

/** The package's folder. None in a bundle of modules. */
const ROOT = typeof __dirname === 'undefined' ? undefined : join(__dirname, '..');

/** The names of what could run here. On Linux it depends on the C library, which only trying tells. */
const NAMES =
  process.platform === 'linux'
    ? ['gnu', 'musl'].map((libc) => `linux-${process.arch}-${libc}`)
    : [`${process.platform}-${process.arch}`];

/** Where a file is that was built in this package's folder. Undefined in a bundle that has none. */
function pathOf(name, file) {
  return ROOT === undefined ? undefined : join(ROOT, 'native', name, file);
}

module.exports = { NAMES, ROOT, pathOf };
