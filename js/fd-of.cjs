'use strict';

const { checkFd, MAX_INT } = require('./checks.cjs');
const { check, coded, wrongType } = require('./errors.cjs');
const { native } = require('./load.cjs');

/** The number of the descriptor that an object has, made sure to be open. It stays the object's. */
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
  // fs.FileHandle, fs streams, terminals, FdSocket, and whoever is polite.
  const { fd } = object;
  if (typeof fd === 'number') return fd;
  // net.Socket, net.Server, the pipes of child processes. Not of dgram.Socket, which warns.
  const state = stateOf(object);
  return state === undefined ? object._handle?.fd : state.handle?.fd;
}

/** Where a dgram.Socket keeps its handle. */
function stateOf(object) {
  const symbol = Object.getOwnPropertySymbols(object).find((symbol) => symbol.description === 'state symbol');
  return symbol && object[symbol];
}

function why(object, found) {
  if (found === -1) return 'it is closed, or not bound or connected yet';
  if (stateOf(object) ? stateOf(object).handle : object._handle) return 'this runtime, or cluster, does not tell it';
  return 'it never had one, or is closed, or not open yet';
}

function nameOf(object) {
  const name = object.constructor?.name;
  return typeof name === 'string' && name !== '' && name !== 'Object' ? `This ${name}` : 'This object';
}

module.exports = { fdOf };
