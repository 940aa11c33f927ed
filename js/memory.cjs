'use strict';

const { constants } = require('node:buffer');
const { bufferOf, toBytes } = require('./bytes.cjs');
const { checkList, checkOptions, checkString, checkWord } = require('./checks.cjs');
const { describeFd } = require('./describe.cjs');
const { makeDisposable } = require('./dispose.cjs');
const { check, coded, outOfRange, systemError, wrongValue } = require('./errors.cjs');
const { fdOf } = require('./fd-of.cjs');
const { native } = require('./load.cjs');

/** Linux's limit for the name of a memfd, in bytes. */
const MAX_NAME = 249;

const SEALS = ['shrink', 'grow', 'write', 'seal'];

/** Creates a memfd with these contents and seals. The caller must close it. */
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

/** The numbers of mappings, by the ArrayBuffers of their Buffers. */
const mappings = new WeakMap();

/**
 * Returns a Buffer over a whole memfd. The memory is shared with all processes that map the memfd. It is unmapped by
 * `unmap`, or when the Buffer is garbage-collected. The caller keeps the descriptor and may close it. Seals the memfd
 * against shrinking, because access to memory that no longer exists would kill the process. If the memfd is not
 * writable, writes to the Buffer stay in the Buffer.
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
 * Unmaps a Buffer of mapFd at once. The Buffer and all other views of its memory are empty afterwards. It may be called
 * again.
 */
function unmap(buffer) {
  const memory = ArrayBuffer.isView(buffer) ? bufferOf(buffer) : undefined;
  const number = mappings.get(memory);
  if (number === undefined) throw wrongValue('buffer', buffer, 'must be a Buffer that mapFd returned');
  if (!native().unmap(memory, number)) {
    const why = 'it was transferred, or an operation still uses it, such as one of fs';
    const help = 'It is unmapped when its last user is garbage-collected';
    throw coded(Error, 'ERR_INVALID_STATE', `Cannot unmap this memory now: ${why}. ${help}.`);
  }
}

const ENOBUFS = -105;
const ENOTSUP = -95;
const EINVAL = -22;
const EPERM = -1;

function mapError(errno, fd) {
  if (errno === ENOBUFS) {
    const most = native().maxMappings();
    const what = `the limit of ${most} mapped memfds is reached (half of vm.max_map_count)`;
    const help = 'A Buffer is unmapped only when it is garbage-collected; call unmap(buffer) to unmap it at once';
    return coded(Error, 'ERR_CROSSFORK_TOO_MANY_MAPPINGS', `Cannot map descriptor ${fd}: ${what}. ${help}.`);
  }
  const { kind } = describeFd(fd);
  if ((errno === EINVAL || errno === EPERM) && kind !== 'memfd') {
    const why = 'Only a memfd can be sealed against shrinking, without which another process could crash this one';
    const help = kind === 'file' ? '. Read the file with fs, or copy it into a memfd' : '';
    return coded(TypeError, 'ERR_INVALID_FD_TYPE', `mapFd needs a memfd, but ${fd} is a ${kind}. ${why}${help}.`);
  }
  const error = systemError(errno, 'mmap');
  if (errno === ENOTSUP) error.message += ': this runtime (Electron?) does not support external memory in Buffers';
  if (errno === EPERM) error.message += ': it can shrink and accepts no more seals. Create it with the seal "shrink"';
  return error;
}

module.exports = { mapFd, memfd, unmap };
