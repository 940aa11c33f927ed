'use strict';

// The messages of the measurements, and how a Node process sends many.

const { serialize } = require('node:v8');

// All numbers have as many digits, so that all messages are equally long.
const FIRST = 1_000_000;

/** The padding that makes an item's line so many bytes long, its end included. */
function pad(size) {
  return 'x'.repeat(Math.max(0, size - JSON.stringify({ seq: FIRST, pad: '' }).length - 1));
}

/** The sum of the numbers of `count` items. */
function sum(count) {
  return count * FIRST + (count * (count - 1)) / 2;
}

/**
 * Sends `count` items, or parcels, to `target`, a process or child process. From time to time it waits until the kernel has them:
 * seldom enough that the channel does not run dry, and often enough that no queue grows.
 */
async function sendItems(target, count, { size = 0, handle, parcel }) {
  const text = parcel ? '' : pad(size);
  const bytes = parcel ? serialize(parcel.pack()).length : size;
  const together = Math.max(4, Math.min(64, Math.floor((256 * 1024) / bytes)));
  for (let i = 0; i < count; i++) {
    const seq = FIRST + i;
    const item = parcel ? { seq, body: parcel.pack() } : { seq, pad: text };
    if ((i + 1) % together !== 0) target.send(item, handle);
    else
      await new Promise((resolve, reject) => target.send(item, handle, (error) => (error ? reject(error) : resolve())));
  }
}

module.exports = { FIRST, pad, sum, sendItems };
