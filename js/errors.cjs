'use strict';

// Errors like Node's own: a class, a code for programs, and a message for people.

const { inspect } = require('node:util');
const { native } = require('./load.cjs');

/** Creates the error of a system call. `errno` is negative, as in libuv. */
function systemError(errno, syscall, details) {
  const [code, meaning] = native().describeErrno(-errno);
  const where = details?.path === undefined ? '' : ` '${details.path}'`;
  return Object.assign(new Error(`${code}: ${meaning}, ${syscall}${where}`), { errno, code, syscall, ...details });
}

/** Returns the result of a native call, or throws if it failed. */
function check(result, syscall, details) {
  if (typeof result === 'number' && result < 0) throw systemError(result, syscall, details);
  return result;
}

function wrongType(name, expected, value) {
  return coded(
    TypeError,
    'ERR_INVALID_ARG_TYPE',
    `The "${name}" argument must be ${expected}. Received ${show(value)}`,
  );
}

function wrongValue(name, value, why) {
  return coded(TypeError, 'ERR_INVALID_ARG_VALUE', `The argument '${name}' ${why}. Received ${show(value)}`);
}

function outOfRange(name, range, value) {
  return coded(
    RangeError,
    'ERR_OUT_OF_RANGE',
    `The value of "${name}" is out of range. It must be ${range}. Received ${show(value)}`,
  );
}

/** Creates an error with a code. */
function coded(Class, code, message) {
  return Object.assign(new Class(message), { code });
}

// Inspecting a value from the caller may throw.
function show(value) {
  if (typeof value === 'function') return 'a function';
  try {
    return inspect(value, { depth: -1, customInspect: false, maxStringLength: 60 });
  } catch {
    return `a value of type ${typeof value}`;
  }
}

module.exports = { check, coded, outOfRange, systemError, wrongType, wrongValue };
