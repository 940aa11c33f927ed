'use strict';

const { types } = require('node:util');
const { wrongType } = require('./errors.cjs');

// From the prototypes, for an object may have properties of these names that lie.
const getters = (prototype) =>
  ['buffer', 'byteOffset', 'byteLength'].map((name) => Object.getOwnPropertyDescriptor(prototype, name).get);
const [getBuffer, getOffset, getLength] = getters(Object.getPrototypeOf(Uint8Array.prototype));
const ofDataView = getters(DataView.prototype);

/** The bytes of a string, or those that a view of memory shows, not copied. Detached memory has none. */
function toBytes(data, name = 'data') {
  if (typeof data === 'string') return Buffer.from(data);
  if (!ArrayBuffer.isView(data)) {
    throw wrongType(name, 'of type string or an instance of Buffer, TypedArray or DataView', data);
  }
  if (data instanceof Uint8Array) return data;
  return new Uint8Array(...gettersOf(data).map((get) => get.call(data)));
}

/** The memory that a view shows a part of. */
function bufferOf(view) {
  return gettersOf(view)[0].call(view);
}

/** Of any realm: a class of this one would not know a view from another (node:vm, Jest). */
function gettersOf(view) {
  return types.isDataView(view) ? ofDataView : [getBuffer, getOffset, getLength];
}

/** How many bytes there really are. */
function lengthOf(bytes) {
  return getLength.call(bytes);
}

/** The bytes from an offset on, not copied. */
function from(bytes, offset) {
  return new Uint8Array(getBuffer.call(bytes), getOffset.call(bytes) + offset, getLength.call(bytes) - offset);
}

module.exports = { bufferOf, from, lengthOf, toBytes };
