'use strict';

const { checkBoolean, checkFd } = require('./checks.cjs');
const { check } = require('./errors.cjs');
const { fdOf } = require('./fd-of.cjs');
const { native } = require('./load.cjs');

/** A new descriptor for the same thing, close-on-exec. The caller closes it. */
function dup(fd) {
  return check(native().dup(fdOf(fd)), 'dup');
}

/** Closes a descriptor that nothing else owns. */
function closeFd(fd) {
  check(native().close(checkFd(fd)), 'close');
}

/** Decides whether programs that are started get the descriptor. */
function setCloexec(fd, on = true) {
  check(native().setCloexec(fdOf(fd), checkBoolean(on, 'on')), 'fcntl');
}

/** Decides whether calls on the descriptor wait, for all who share the open file. */
function setNonblocking(fd, on = true) {
  check(native().setNonblocking(fdOf(fd), checkBoolean(on, 'on')), 'fcntl');
}

module.exports = { closeFd, dup, setCloexec, setNonblocking };
