'use strict';

const { check } = require('./errors.cjs');
const { fdOf } = require('./fd-of.cjs');
const { native } = require('./load.cjs');

/** Returns what a descriptor refers to, and its flags. Its owner keeps it. */
function describeFd(fd) {
  const number = fdOf(fd);
  const { readable, writable, append, nonblocking, cloexec, ...rest } = check(native().describe(number), 'fstat');
  return { fd: number, ...rest, flags: { readable, writable, append, nonblocking, cloexec } };
}

module.exports = { describeFd };
