'use strict';

const { check } = require('./errors.cjs');
const { fdOf } = require('./fd-of.cjs');
const { native } = require('./load.cjs');

/** Says what a descriptor is, and how it is set. It stays whose it is. */
function describeFd(fd) {
  const number = fdOf(fd);
  const { readable, writable, append, nonblocking, cloexec, ...rest } = check(native().describe(number), 'fstat');
  return { fd: number, ...rest, flags: { readable, writable, append, nonblocking, cloexec } };
}

module.exports = { describeFd };
