'use strict';

const { checkBoolean, checkFd } = require('./checks.cjs');
const { check } = require('./errors.cjs');
const { fdOf } = require('./fd-of.cjs');
const { native } = require('./load.cjs');

/** Duplicates a descriptor. The duplicate is close-on-exec, and the caller must close it. */
function dup(fd) {
  return check(native().dup(fdOf(fd)), 'dup');
}

/** Closes a descriptor. It must not have another owner. */
function closeFd(fd) {
  check(native().close(checkFd(fd)), 'close');
}

/** Sets or clears close-on-exec: whether programs that this process starts inherit the descriptor. */
function setCloexec(fd, on = true) {
  check(native().setCloexec(fdOf(fd), checkBoolean(on, 'on')), 'fcntl');
}

/** Sets or clears O_NONBLOCK, for all descriptors of the same open file. */
function setNonblocking(fd, on = true) {
  check(native().setNonblocking(fdOf(fd), checkBoolean(on, 'on')), 'fcntl');
}

module.exports = { closeFd, dup, setCloexec, setNonblocking };
