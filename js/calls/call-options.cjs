'use strict';

const { AsyncResource } = require('node:async_hooks');
const { checkBoolean, checkFunction, checkInteger, checkOptions, checkString, MAX_INT } = require('../checks.cjs');
const { wrongType } = require('../errors.cjs');

const CHECKS = {
  signal: (value, name) => {
    if (typeof value?.aborted !== 'boolean' || typeof value.addEventListener !== 'function') {
      throw wrongType(name, 'an instance of AbortSignal', value);
    }
    return value;
  },
  timeout: checkTimeout,
  traceparent: checkString,
  handle: (value) => value ?? undefined,
  handleToAnyPeer: checkBoolean,
  takesHandle: checkBoolean,
  // What the peer triggers runs where the call was made.
  onProgress: (value, name) => AsyncResource.bind(checkFunction(value, name)),
};

const POOL_CHECKS = {
  ...CHECKS,
  key: (value, name) => {
    if (typeof value !== 'string' && typeof value !== 'number') throw wrongType(name, 'a string or a number', value);
    return String(value);
  },
  priority: (value, name) => checkInteger(value, name, -MAX_INT, MAX_INT),
  retries: (value, name) => checkInteger(value, name, 0, MAX_INT),
};

const NOTIFY_CHECKS = { handle: CHECKS.handle, handleToAnyPeer: CHECKS.handleToAnyPeer };

/** In milliseconds; infinite is none. */
function checkTimeout(value, name) {
  if (value === Number.POSITIVE_INFINITY) return undefined;
  return checkInteger(value, name, 1, MAX_INT);
}

const NONE = Object.freeze({});

/** The options of a call, each looked at once. */
function callOptions(options, checks = CHECKS) {
  if (options === undefined) return NONE;
  checkOptions(options);
  const checked = {};
  for (const name in options) {
    const value = options[name];
    if (value === undefined || !Object.hasOwn(options, name)) continue;
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (check === undefined) throw wrongType(`options.${name}`, `one of: ${Object.keys(checks).join(', ')}`, name);
    checked[name] = check(value, `options.${name}`);
  }
  return checked;
}

module.exports = { CHECKS, NOTIFY_CHECKS, POOL_CHECKS, callOptions, checkTimeout };
