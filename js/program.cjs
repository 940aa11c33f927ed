'use strict';

// What is to be run in Node's place, looked at before it is started: what execve says of it is little, and
// with cluster it would say it too late.

const { accessSync, closeSync, constants, existsSync, openSync, readSync, statSync } = require('node:fs');
const { delimiter, join, resolve } = require('node:path');
const { fileURLToPath } = require('node:url');
const { checkString } = require('./checks.cjs');
const { coded, wrongValue } = require('./errors.cjs');

const SCRIPT = /\.[cm]?[jt]sx?$/;

/**
 * The absolute path of a program. One with a slash is relative to this process's folder, wherever the program will
 * run; one without is looked for on the PATH.
 */
function findProgram(binary, env) {
  const name = binary instanceof URL ? fileURLToPath(binary) : checkString(binary, 'binary');
  if (name === '' || name.includes('\0')) throw wrongValue('binary', binary, 'must be a path without null bytes');
  if (SCRIPT.test(name)) {
    throw wrongValue('binary', binary, 'must be a program, and is a script, for which there is child_process.fork');
  }
  const path = name.includes('/') ? resolve(name) : onPath(name, `${env.PATH ?? ''}`);
  checkProgram(path);
  return path;
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
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw startError('ENOENT', path, 'there is no such file');
  if (!found.isFile()) throw startError('EACCES', path, 'it is not a file');
  try {
    accessSync(path, constants.X_OK);
  } catch {
    throw startError('EACCES', path, 'it is not executable');
  }
  const start = firstBytes(path);
  // Anything else is taken for a shell script by execvp.
  if (start !== undefined && !isProgram(start)) throw startError('ENOEXEC', path, 'it is not a program');
  // The kernel would say that the script is not there.
  const [, interpreter] = /^#!\s*(\S+)/.exec(start ?? '') ?? [];
  if (interpreter !== undefined && !existsSync(interpreter)) {
    throw startError('ENOENT', path, `it is a script for '${interpreter}', which is not there`);
  }
}

/** Undefined where a program may be run and not read. */
function firstBytes(path) {
  let fd;
  try {
    fd = openSync(path, 'r');
    const start = Buffer.alloc(256);
    return start.toString('latin1', 0, readSync(fd, start, 0, start.length, 0));
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Of ELF, of scripts, and of Mach-O, for one processor and for several. */
const BEGINNINGS = ['\x7fELF', '#!', '\xcf\xfa\xed\xfe', '\xca\xfe\xba\xbe'];

function isProgram(start) {
  return BEGINNINGS.some((beginning) => start.startsWith(beginning));
}

const ERRNOS = { ENOENT: -2, ENOEXEC: -8, EACCES: -13 };

function startError(code, path, why) {
  const error = coded(Error, code, `Cannot fork '${path}': ${why}`);
  return Object.assign(error, { errno: ERRNOS[code], syscall: `fork ${path}`, path });
}

module.exports = { findProgram };
