'use strict';

// What Node of this version wrote in the `advanced` mode; without its own commands, which never come back.

const { DefaultDeserializer } = require('node:v8');
const { runInThisContext } = require('node:vm');
const { vectors } = require('../../vectors/advanced.json');
const { nodeMajor } = require('./runtime.cjs');

const VIEW = 0;

/** Node's own layer for what V8 leaves to it (ADV-9). */
class Reader extends DefaultDeserializer {
  _readHostObject() {
    return this.readUint32() === VIEW ? super._readHostObject() : this.readValue();
  }
}

/** What this Node makes of a frame. */
function read(frame) {
  const reader = new Reader(frame.subarray(4));
  reader.readHeader();
  return reader.readValue();
}

const recorded = vectors
  .filter(({ node }) => node.some((version) => Number.parseInt(version, 10) === nodeMajor))
  .map(({ id, js, frame_hex = '' }) => ({ id, js, frame: Buffer.from(frame_hex, 'hex') }))
  // What cannot be sent has no frame.
  .filter(({ frame }) => frame.length > 0 && !/^NODE_/.test(read(frame)?.cmd))
  // Before Node 22 no two invalid dates are equal.
  .filter(({ id }) => id !== 'date_invalid')
  .map(({ id, js, frame }) => ({ id, frame, sent: () => runInThisContext(`(${js})`), received: () => read(frame) }));

const notRecorded = () => recorded.length === 0 && 'nothing was recorded with this version of Node';

module.exports = { recorded, notRecorded };
