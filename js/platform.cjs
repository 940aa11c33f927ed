'use strict';

// The names of this platform's prebuilt files, and their place in this package.

const { join } = require('node:path');

/** The package's folder. Undefined in an ES module bundle. */
const ROOT = typeof __dirname === 'undefined' ? undefined : join(__dirname, '..');

/** The platform names to try. On Linux the right one depends on the C library, so both are tried. */
const NAMES =
  process.platform === 'linux'
    ? ['gnu', 'musl'].map((libc) => `linux-${process.arch}-${libc}`)
    : [`${process.platform}-${process.arch}`];

/** Returns the path of a file that was built in this package's folder. Undefined in a bundle without the folder. */
function pathOf(name, file) {
  return ROOT === undefined ? undefined : join(ROOT, 'native', name, file);
}

module.exports = { NAMES, ROOT, pathOf };
