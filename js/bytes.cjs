'use strict';

const { wrongType } = require('./errors.cjs');

// From the prototype, for an object may have a property of that name that lies.
const prototype = Object.getPrototypeOf(Uint8Array.prototype);
const getter = (name) => Object.getOwnPropertyDescriptor(prototype, name).get;
const [getBuffer, getOffset, getLength] = ['buffer', 'byteOffset', 'byteLength'].map(getter);

/** The bytes of a string, or those that a view of memory shows, not copied. Detached memory has none. */
function toBytes(data, name = 'data') {
  if (typeof data === 'string') return Buffer.from(data);
  if (!ArrayBuffer.isView(data)) {
    throw wrongType(name, 'of type string or an instance of Buffer, TypedArray or DataView', data);
  }
  if (data instanceof DataView) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof Uint8Array) return data;
  return new Uint8Array(getBuffer.call(data), getOffset.call(data), getLength.call(data));
}

/** How many bytes there really are. */
function lengthOf(bytes) {
  return getLength.call(bytes);
}

module.exports = { lengthOf, toBytes };
