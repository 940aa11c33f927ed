'use strict';

// What is a call, and how parameters travel: JSON-RPC 2.0, with the Language Server Protocol's cancel and progress.

const { isStream } = require('./streams.cjs');

/** `error.code` of an answer. */
const CODES = {
  invalidRequest: -32600,
  unknownMethod: -32601,
  parameters: -32602,
  internal: -32603,
  handler: -32000,
  notBegun: -32099,
  cancelled: -32800,
};

const CANCEL = '$/cancelRequest';
const PROGRESS = '$/progress';
const CREDIT = '$/crossfork/credit';
const LEAVE = '$/crossfork/leave';
const HELLO = '$/crossfork/hello';
const BYE = '$/crossfork/bye';

/** Everything else is the user's own message. */
function isCall(message) {
  return (
    typeof message === 'object' &&
    message !== null &&
    message.jsonrpc === '2.0' &&
    !Array.isArray(message) &&
    Object.hasOwn(message, 'jsonrpc')
  );
}

/** Several calls in one message. */
function isBundle(message) {
  return Array.isArray(message) && isCall(message[0]);
}

/** An id or a token that can be answered as it is. */
function isId(value) {
  return typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value));
}

/** `params` for one value: an object goes by name, and anything else as the only element of an array. */
function paramsOf(value) {
  if (value === undefined) return undefined;
  return isNamed(value) && !isStream(value) ? value : [value];
}

/** What becomes a JSON object, whichever serialization it meets. */
function isNamed(value) {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.prototype.toString.call(value) === '[object Object]' &&
    typeof value.toJSON !== 'function'
  );
}

/** The arguments for a handler. */
function argumentsOf(params) {
  if (Array.isArray(params)) return params.length === 0 ? [undefined] : params;
  return [params === null ? undefined : params];
}

/** Our own extra members, if there are any. */
function extrasOf(message) {
  const extras = message.crossfork;
  return typeof extras === 'object' && extras !== null ? extras : undefined;
}

/** Adds one of our own extra members, if there is something to say. */
function addExtra(message, name, value) {
  if (value === undefined) return;
  message.crossfork ??= {};
  message.crossfork[name] = value;
}

/** The error of a call whose result can't be written. */
function unsendable(why) {
  return { code: CODES.internal, message: `The result cannot be sent: ${why}` };
}

/** The error of an answer, without what its handler has put into it. */
function withoutDetails(error) {
  if (error.data === undefined) return error;
  const { name, code, stack } = error.data;
  return { ...error, data: { name, code, stack } };
}

/** What is wrong with a request, if something is. */
function problemOf(id, method) {
  if (!isId(id)) return 'The id must be a string or a number';
  return typeof method === 'string' ? undefined : 'The method must be a string';
}

/** A number of items or milliseconds that a peer has sent, or undefined. */
function countOf(value, min) {
  return Number.isSafeInteger(value) && value >= min ? value : undefined;
}

module.exports = {
  BYE,
  CANCEL,
  CODES,
  CREDIT,
  HELLO,
  LEAVE,
  PROGRESS,
  addExtra,
  argumentsOf,
  countOf,
  extrasOf,
  isBundle,
  isCall,
  isId,
  paramsOf,
  problemOf,
  unsendable,
  withoutDetails,
};
