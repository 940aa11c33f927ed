'use strict';

// Checks a program before it is started in place of Node: execve's errors explain little, and with cluster they
// come too late.

const { accessSync, closeSync, constants, existsSync, openSync, readSync, statSync } = require('node:fs');
const { delimiter, join, resolve } = require('node:path');
const { fileURLToPath } = require('node:url');
const { checkString } = require('./checks.cjs');
const { coded, wrongValue } = require('./errors.cjs');

const SCRIPT = /\.[cm]?[jt]sx?$/;

/**
 * Returns the absolute path of a program. A name with a slash is relative to this process's working directory, even if
 * the program will run in another one. A name without a slash is searched on the PATH.
 */
function findProgram(binary, env) {
  if (process.platform === 'win32') {
    const why = 'fork and clusterFork need Unix sockets and are not supported on Windows: use WSL 2';
    throw coded(Error, 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM', why);
  }
  const name = isUrl(binary) ? fileURLToPath(binary.href) : checkString(binary, 'binary');
  if (name === '' || name.includes('\0')) throw wrongValue('binary', binary, 'must be a path without null bytes');
  if (SCRIPT.test(name)) {
    throw wrongValue('binary', binary, 'must be a program, not a script: use child_process.fork to run scripts');
  }
  const path = name.includes('/') ? resolve(name) : onPath(name, `${env.PATH ?? ''}`);
  checkProgram(path);
  return path;
}

/** Whether it is a URL, of any realm. */
function isUrl(value) {
  return typeof value === 'object' && typeof value?.href === 'string' && typeof value.protocol === 'string';
}

function onPath(name, folders) {
  const paths = folders.split(delimiter).filter(Boolean);
  const found = paths.map((folder) => resolve(join(folder, name))).find(isExecutable);
  if (found === undefined) {
    throw startError('ENOENT', name, 'it is not on the PATH (write ./ before a path)');
  }
  return found;
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function checkProgram(path) {
  const [code, why] = problemOf(path) ?? [];
  if (code !== undefined) throw startError(code, path, why);
}

/** Returns an error code and the reason why a file cannot be run. Undefined if no problem was found. */
function problemOf(path) {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return ['ENOENT', 'there is no such file'];
  if (!found.isFile()) return ['EACCES', 'it is not a file'];
  try {
    accessSync(path, constants.X_OK);
  } catch {
    return ['EACCES', 'it is not executable'];
  }
  const start = firstBytes(path);
  // A program may be executable but not readable.
  if (start === undefined) return undefined;
  // execvp would run anything else as a shell script.
  if (!isProgram(start.toString('latin1'))) return ['ENOEXEC', 'it is not a program'];
  // Checked here, because the kernel would report that the program itself does not exist.
  const [, interpreter] = /^#!\s*(\S+)/.exec(start.toString('latin1')) ?? [];
  if (interpreter !== undefined && !existsSync(interpreter)) {
    return ['ENOENT', `it is a script for '${interpreter}', which does not exist`];
  }
  const loader = loaderOf(start);
  if (loader !== undefined && !existsSync(loader)) {
    return ['ENOENT', `it needs '${loader}', which does not exist: it was built for another C library or system`];
  }
  return undefined;
}

/** Returns the first bytes of a file. Undefined if it cannot be read. */
function firstBytes(path) {
  let fd;
  try {
    fd = openSync(path, 'r');
    const start = Buffer.alloc(4096);
    return start.subarray(0, readSync(fd, start, 0, start.length, 0));
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

const PT_INTERP = 3;

/** Returns the dynamic loader of a 64-bit ELF file, if the first bytes contain its path. */
function loaderOf(start) {
  const isElf = start.length >= 64 && start.readUInt32BE(0) === 0x7f454c46 && start[4] === 2 && start[5] === 1;
  if (!isElf) return undefined;
  const [offset, size, count] = [Number(start.readBigUInt64LE(32)), start.readUInt16LE(54), start.readUInt16LE(56)];
  for (let at = offset, i = 0; i < count && size >= 56 && at + size <= start.length; at += size, i++) {
    if (start.readUInt32LE(at) !== PT_INTERP) continue;
    const [from, length] = [start.readBigUInt64LE(at + 8), start.readBigUInt64LE(at + 32)].map(Number);
    return from + length <= start.length ? start.toString('utf8', from, from + length - 1) : undefined;
  }
  return undefined;
}

/** The magic bytes of ELF, scripts, Mach-O, and universal Mach-O. */
const MAGIC = ['\x7fELF', '#!', '\xcf\xfa\xed\xfe', '\xca\xfe\xba\xbe'];

function isProgram(start) {
  return MAGIC.some((magic) => start.startsWith(magic));
}

const ERRNOS = { ENOENT: -2, ENOEXEC: -8, EACCES: -13 };

function startError(code, path, why) {
  const error = coded(Error, code, `Cannot fork '${path}': ${why}`);
  return Object.assign(error, { errno: ERRNOS[code], syscall: `fork ${path}`, path });
}

module.exports = { SCRIPT, findProgram, isUrl, problemOf };
