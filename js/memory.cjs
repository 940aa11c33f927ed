'use strict';

const { constants } = require('node:buffer');
const { toBytes } = require('./bytes.cjs');
const { checkList, checkOptions, checkString, checkWord } = require('./checks.cjs');
const { check, wrongValue } = require('./errors.cjs');
const { fdOf } = require('./fd-of.cjs');
const native = require('./load.cjs');

const SEALS = ['shrink', 'grow', 'write', 'seal'];

/** A file in memory with these contents, and the seals that are asked for. The caller closes it. */
function memfd(name, data = '', options) {
  checkString(name, 'name');
  if (name.includes('\0')) throw wrongValue('name', name, 'must be a string without null bytes');
  const { seals = [] } = checkOptions(options);
  const wanted = checkList(seals, 'options.seals', SEALS.length);
  for (const seal of wanted) checkWord(seal, 'options.seals', SEALS);
  return check(native.memfd(name, toBytes(data), ...SEALS.map((seal) => wanted.includes(seal))), 'memfd_create');
}

/**
 * A Buffer over all of a memfd's memory, shared with all who map it. It is unmapped when the Buffer is collected;
 * the descriptor stays the caller's and can be closed. The memfd is sealed against shrinking, for touching what is
 * no longer there would end the process; where it can't be written to, what is written to the Buffer stays in it.
 */
function mapFd(fd) {
  return check(native.mapFd(fdOf(fd), constants.MAX_LENGTH), 'mmap') ?? Buffer.alloc(0);
}

module.exports = { mapFd, memfd };
