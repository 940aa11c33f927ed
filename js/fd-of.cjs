'use strict';

const { checkFd, MAX_INT } = require('./checks.cjs');
const { check, coded, wrongType } = require('./errors.cjs');
const { native } = require('./load.cjs');

/** Returns an object's descriptor. Checks that it is open. The object keeps it. */
function fdOf(object) {
  if (typeof object === 'number') return open(checkFd(object));
  if (object === null || (typeof object !== 'object' && typeof object !== 'function')) {
    throw wrongType('object', 'of type number or an object that has a descriptor', object);
  }
  const found = find(object);
  if (Number.isInteger(found) && found >= 0 && found <= MAX_INT) return open(found);
  throw coded(TypeError, 'ERR_CROSSFORK_NO_FD', `${nameOf(object)} has no descriptor: ${why(object, found)}.`);
}

function open(fd) {
  check(native().checkOpen(fd), 'fcntl');
  return fd;
}

function find(object) {
  // fs.FileHandle, fs streams, terminals, FdSocket, and other objects with a public property.
  const { fd } = object;
  if (typeof fd === 'number') return fd;
  // net.Socket, net.Server, the pipes of child processes. Not `_handle` of a dgram.Socket, which prints a warning.
  const state = stateOf(object);
  return state === undefined ? object._handle?.fd : state.handle?.fd;
}

/** Returns the internal state of a dgram.Socket, which has its handle. */
function stateOf(object) {
  const symbol = Object.getOwnPropertySymbols(object).find((symbol) => symbol.description === 'state symbol');
  return symbol && object[symbol];
}

function why(object, found) {
  if (found === -1) return 'it is closed, or not bound or connected yet';
  if (stateOf(object) ? stateOf(object).handle : object._handle) return 'this runtime, or cluster, does not expose it';
  return 'it never had one, or is closed, or is not open yet';
}

function nameOf(object) {
  const name = object.constructor?.name;
  return typeof name === 'string' && name !== '' && name !== 'Object' ? `This ${name}` : 'This object';
}

module.exports = { fdOf };
