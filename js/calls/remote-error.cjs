'use strict';

// Errors, as they travel in an answer.

const { inspect } = require('node:util');
const { RemoteError } = require('./errors.cjs');
const { CODES } = require('./wire.cjs');

/** How many causes of causes travel. */
const MOST_CAUSES = 8;

/** Codes that say something to a caller, and that a handler cannot choose: it has begun, and nobody may call it again. */
const OURS = new Set([CODES.notBegun, CODES.cancelled]);

const NAMES = {
  [CODES.invalidRequest]: 'ERR_CALL_INVALID',
  [CODES.unknownMethod]: 'ERR_CALL_UNKNOWN_METHOD',
  [CODES.parameters]: 'ERR_CALL_PARAMETERS',
  [CODES.internal]: 'ERR_CALL_INTERNAL',
  [CODES.cancelled]: 'ERR_CALL_CANCELLED',
  [CODES.notBegun]: 'ERR_CALL_NOT_BEGUN',
};

/** The `error` of an answer, for whatever a handler has thrown. */
function toWire(thrown, stacks) {
  const code = chosenCode(thrown);
  if (!isError(thrown)) return { code, message: textOf(thrown), data: { name: 'Error', data: thrown } };
  const data = describe(thrown, stacks, MOST_CAUSES);
  return { code, message: data.message, data };
}

function chosenCode(thrown) {
  const code = isError(thrown) ? (thrown.rpcCode ?? thrown.code) : undefined;
  // A DOMException has numbers of its own, from long ago.
  const isChosen = Number.isInteger(code) && Math.abs(code) < 2 ** 31 && !isDomException(thrown) && !OURS.has(code);
  return isChosen ? code : CODES.handler;
}

function describe(error, stacks, depth) {
  const { name, message, code, data, cause } = error;
  const described = { name: textOf(name), message: textOf(message) };
  if (typeof code === 'string' || typeof code === 'number') described.code = code;
  if (stacks && error.stack !== undefined) described.stack = textOf(error.stack);
  if (data !== undefined) described.data = data;
  if (stacks && cause !== undefined && depth > 0) {
    described.cause = isError(cause) ? describe(cause, stacks, depth - 1) : { name: 'Error', message: textOf(cause) };
  }
  return described;
}

/**
 * The error that a call is rejected with, for the `error` of an answer, which may be anything.
 */
function fromWire(error, method) {
  const { code, message, data } = typeof error === 'object' && error !== null ? error : { message: error };
  const details = typeof data === 'object' && data !== null ? data : {};
  const text = typeof message === 'string' ? message : textOf(message);
  // An object is no property's name: to make it one may throw.
  const name = typeof code === 'number' ? NAMES[code] : undefined;
  const result = withDetails(new RemoteError(text, name), details, MOST_CAUSES);
  hide(result, 'method', method);
  hide(result, 'rpcCode', Number.isInteger(code) ? code : CODES.internal);
  // Ours have the handler's own data inside, others have nothing else.
  const isOurs = typeof details.name === 'string';
  if (isOurs ? details.data !== undefined : data !== undefined) result.data = isOurs ? details.data : data;
  return result;
}

function withDetails(error, details, depth) {
  if (typeof details.name === 'string') hide(error, 'name', details.name);
  if (typeof details.code === 'string' || typeof details.code === 'number') error.code = details.code;
  hide(error, 'remoteStack', typeof details.stack === 'string' ? details.stack : undefined);
  const { cause } = details;
  if (typeof cause === 'object' && cause !== null && depth > 0) {
    const inner = withDetails(new RemoteError(textOf(cause.message)), cause, depth - 1);
    if (inner.remoteStack !== undefined) hide(inner, 'stack', inner.remoteStack);
    if (cause.data !== undefined) inner.data = cause.data;
    hide(error, 'cause', inner);
  }
  return error;
}

function hide(error, name, value) {
  Object.defineProperty(error, name, { value, writable: true, configurable: true, enumerable: false });
}

/** Of any realm. */
function isError(value) {
  return value instanceof Error || Object.prototype.toString.call(value) === '[object Error]' || isDomException(value);
}

function isDomException(value) {
  return typeof DOMException === 'function' && value instanceof DOMException;
}

function textOf(value) {
  if (typeof value === 'string') return value;
  try {
    return inspect(value, { depth: 1, maxStringLength: 1000 });
  } catch {
    return `a value of type ${typeof value}`;
  }
}

module.exports = { fromWire, isError, textOf, toWire };
