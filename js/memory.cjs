'use strict';

const { constants } = require('node:buffer');
const { bufferOf, toBytes } = require('./bytes.cjs');
const { checkList, checkOptions, checkString, checkWord } = require('./checks.cjs');
const { describeFd } = require('./describe.cjs');
const { makeDisposable } = require('./dispose.cjs');
const { check, coded, outOfRange, systemError, wrongValue } = require('./errors.cjs');
const { fdOf } = require('./fd-of.cjs');
const { native } = require('./load.cjs');

/** Linux's own limit for the name of a memfd, in bytes. */
const MAX_NAME = 249;

const SEALS = ['shrink', 'grow', 'write', 'seal'];

/** A file in memory with these contents, and the seals that are asked for. The caller closes it. */
function memfd(name, data = '', options) {
  checkString(name, 'name');
  if (name.includes('\0')) throw wrongValue('name', name, 'must be a string without null bytes');
  const length = Buffer.byteLength(name);
  if (length > MAX_NAME) throw outOfRange('name.length', `<= ${MAX_NAME} bytes`, length);
  const { seals = [] } = checkOptions(options);
  const wanted = checkList(seals, 'options.seals', SEALS.length);
  for (const seal of wanted) checkWord(seal, 'options.seals', SEALS);
  return check(native().memfd(name, toBytes(data), ...SEALS.map((seal) => wanted.includes(seal))), 'memfd_create');
}

/** The mappings' numbers, by the memory of their Buffers. */
const mappings = new WeakMap();

/**
 * A Buffer over all of a memfd's memory, shared with all who map it. It is unmapped by `unmap`, or when the Buffer is
 * collected; the descriptor stays the caller's and can be closed. The memfd is sealed against shrinking, for touching
 * what is no longer there would end the process; where it can't be written to, what is written to the Buffer stays in
 * it.
 */
function mapFd(fd) {
  const owner = fdOf(fd);
  const number = native().mapFd(owner, constants.MAX_LENGTH);
  if (number < 0) throw mapError(number, owner);
  const buffer = number === 0 ? Buffer.alloc(0) : native().mappedBuffer(number);
  if (typeof buffer === 'number') throw mapError(buffer, owner);
  if (number !== 0) mappings.set(buffer.buffer, number);
  makeDisposable(buffer, () => number !== 0 && unmap(buffer));
  return buffer;
}

/**
 * Unmaps what mapFd has mapped, at once. The Buffer, and every view of its memory, is empty from then on. It may be
 * called again.
 */
function unmap(buffer) {
  const memory = ArrayBuffer.isView(buffer) ? bufferOf(buffer) : undefined;
  const number = mappings.get(memory);
  if (number === undefined) throw wrongValue('buffer', buffer, 'must be a Buffer that mapFd has made');
  if (!native().unmap(memory, number)) {
    const why = 'it was transferred, or something still works with it, such as fs';
    const help = 'It is unmapped when whoever has it is collected';
    throw coded(Error, 'ERR_INVALID_STATE', `This memory cannot be unmapped now: ${why}. ${help}.`);
  }
}

const ENOBUFS = -105;
const ENOTSUP = -95;
const EINVAL = -22;
const EPERM = -1;

function mapError(errno, fd) {
  if (errno === ENOBUFS) {
    const most = native().mostMappings();
    const what = `${most} memfds are mapped, which is half of what Linux lets this process map (vm.max_map_count)`;
    const help = 'A Buffer that is dropped is unmapped some time later; unmap(buffer) does it at once';
    return coded(Error, 'ERR_CROSSFORK_TOO_MANY_MAPPINGS', `Cannot map descriptor ${fd}: ${what}. ${help}.`);
  }
  const { kind } = describeFd(fd);
  if ((errno === EINVAL || errno === EPERM) && kind !== 'memfd') {
    const why = 'Touching what another process has cut off would end this one, and only a memfd can be kept from that';
    const help = kind === 'file' ? '. Read it with fs, or write it into a memfd' : '';
    return coded(TypeError, 'ERR_INVALID_FD_TYPE', `mapFd needs a memfd, and ${fd} is a ${kind}. ${why}${help}.`);
  }
  const error = systemError(errno, 'mmap');
  if (errno === ENOTSUP) error.message += ': this runtime (Electron?) allows no memory of others in a Buffer';
  if (errno === EPERM) error.message += ': it can shrink, and takes no more seals. Make it with the seal "shrink"';
  return error;
}

module.exports = { mapFd, memfd, unmap };
