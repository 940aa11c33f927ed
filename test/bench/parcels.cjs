'use strict';

// What is in the messages when the serializations are compared, and how a user of each would send and receive it.
// contestants/parcels.rs has the same for Rust.

/** Bytes that look like data: as text, they have as many digits as bytes have. */
function bytes(size) {
  const body = Buffer.alloc(size);
  for (let i = 0; i < size; i++) body[i] = i * 7;
  return body;
}

/** An object as programs send them. */
function thing(i) {
  return {
    id: i,
    name: `user ${i}`,
    active: i % 2 === 0,
    score: i / 8 + 0.1,
    tags: ['blue', 'round'],
    parent: i === 0 ? null : i - 1,
  };
}

const things = () => Array.from({ length: 1000 }, (_, i) => thing(i));

const same = (body) => ({ pack: () => body, open: (received) => received });

/** What each kind of parcel has in it, and how that is made ready to be sent and read from what has come. */
const PARCELS = {
  object: () => same(thing(0)),
  array: () => same(things()),
  buffer: (size) => same(bytes(size)),
  // What a Buffer becomes by itself in JSON.
  'to-json': (size) => ({ ...same(bytes(size)), open: (received) => Buffer.from(received) }),
  // What those do who know better.
  base64: (size) => {
    const body = bytes(size);
    return { pack: () => body.toString('base64'), open: (received) => Buffer.from(received, 'base64') };
  },
};

/** @returns {{ pack: () => unknown, open: (received: unknown) => unknown }} */
function parcel(kind, size) {
  return PARCELS[kind](size);
}

module.exports = { bytes, parcel, thing, things };
