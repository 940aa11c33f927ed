'use strict';

const { types } = require('node:util');
const { wrongType } = require('./errors.cjs');

// From the prototypes, because an object may override these properties.
const getters = (prototype) =>
  ['buffer', 'byteOffset', 'byteLength'].map((name) => Object.getOwnPropertyDescriptor(prototype, name).get);
const [getBuffer, getOffset, getLength] = getters(Object.getPrototypeOf(Uint8Array.prototype));
const ofDataView = getters(DataView.prototype);

/** Returns the bytes of a string, or of a view without copying. Detached memory has no bytes. */
function toBytes(data, name = 'data') {
  if (typeof data === 'string') return Buffer.from(data);
  if (!ArrayBuffer.isView(data)) {
    throw wrongType(name, 'of type string or an instance of Buffer, TypedArray or DataView', data);
  }
  if (data instanceof Uint8Array) return data;
  return new Uint8Array(...gettersOf(data).map((get) => get.call(data)));
}

/** Returns a view's ArrayBuffer. */
function bufferOf(view) {
  return gettersOf(view)[0].call(view);
}

/** For views of any realm: `instanceof` fails for views from another one (node:vm, Jest). */
function gettersOf(view) {
  return types.isDataView(view) ? ofDataView : [getBuffer, getOffset, getLength];
}

/** Returns the actual length in bytes. */
function lengthOf(bytes) {
  return getLength.call(bytes);
}

/** Returns the bytes from an offset on, without copying. */
function from(bytes, offset) {
  return new Uint8Array(getBuffer.call(bytes), getOffset.call(bytes) + offset, getLength.call(bytes) - offset);
}

module.exports = { bufferOf, from, lengthOf, toBytes };
