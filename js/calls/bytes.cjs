'use strict';

// Bytes in JSON: `{ type: 'Buffer', data: '<base64>' }`. That is a tenth of the time that Node's own form takes, which has a
// number for each byte. Read are both.

/** Deeper inside of a value nothing is looked for. In a circle, neither: it cannot be written in JSON, which says so. */
const DEEPEST = 64;

/** Whether a channel is known to carry bytes by itself. Node says so in the state that it keeps of a channel. */
function carriesBytes(target) {
  const inside = (object, name) => Object.getOwnPropertySymbols(object).find(({ description }) => description === name);
  const handle = target[inside(target, 'kChannelHandle')];
  return typeof handle === 'object' && handle !== null && inside(handle, 'kMessageBuffer') !== undefined;
}

/** What of a call or an answer is the user's. The rest has no bytes, and need not be looked through. */
const PARTS = ['params', 'result', 'error'];

/** A call, an answer or a bundle, with its bytes as JSON has them. Nothing is changed. */
function packCall(message) {
  if (!Array.isArray(message)) return packParts(message);
  return message.map(packParts);
}

function packParts(message) {
  let copy;
  for (const name of PARTS) {
    const packed = pack(message[name]);
    if (packed === message[name]) continue;
    copy ??= { ...message };
    copy[name] = packed;
  }
  return copy ?? message;
}

/** A call, an answer or a bundle that has come, with its bytes as a Buffer each. It is changed: it is nobody else's. */
function unpackCall(message) {
  if (Array.isArray(message)) message.forEach(unpackParts);
  else unpackParts(message);
}

function unpackParts(message) {
  if (typeof message !== 'object' || message === null) return;
  for (const name of PARTS) {
    const value = message[name];
    if (typeof value === 'object' && value !== null) message[name] = unpack(value);
  }
}

/** The value with its bytes as JSON has them. What has none inside is given back as it is; nothing is changed. */
function pack(value, around = []) {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return { type: 'Buffer', data: viewOf(value).toString('base64') };
  if (ArrayBuffer.isView(value) || typeof value.toJSON === 'function' || isTooDeep(value, around)) return value;
  around.push(value);
  let copy;
  eachInside(value, (was, key) => {
    const is = pack(was, around);
    if (is === was) return;
    copy ??= Array.isArray(value) ? [...value] : { ...value };
    set(copy, key, is);
  });
  around.pop();
  return copy ?? value;
}

/** Calls back with each object inside. An array goes by index: a text for each of its elements takes longer than the rest. */
function eachInside(value, found) {
  const keys = Array.isArray(value) ? undefined : Object.keys(value);
  const { length } = keys ?? value;
  for (let i = 0; i < length; i++) {
    const key = keys === undefined ? i : keys[i];
    const inside = value[key];
    if (typeof inside === 'object' && inside !== null) found(inside, key);
  }
}

function viewOf({ buffer, byteOffset, byteLength }) {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** The value with its bytes as a Buffer each. It is changed: a message that was received is nobody else's. */
function unpack(value, around = []) {
  if (isPacked(value))
    return typeof value.data === 'string' ? Buffer.from(value.data, 'base64') : Buffer.from(value.data);
  if (ArrayBuffer.isView(value) || isTooDeep(value, around)) return value;
  around.push(value);
  eachInside(value, (was, key) => {
    const is = unpack(was, around);
    if (is !== was) set(value, key, is);
  });
  around.pop();
  return value;
}

function isTooDeep(value, around) {
  return around.length === DEEPEST || around.includes(value);
}

/** Not by assignment, which is something else for a property named `__proto__`. */
function set(object, key, value) {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
}

function isPacked(value) {
  if (value.type !== 'Buffer' || Array.isArray(value) || Object.keys(value).length !== 2) return false;
  return typeof value.data === 'string' || Array.isArray(value.data);
}

module.exports = { carriesBytes, pack, packCall, unpack, unpackCall };
