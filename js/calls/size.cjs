'use strict';

/** More parts than this are not counted, and the whole is taken for large. */
const MOST_PARTS = 256;

/** About how many bytes a message will have. Exact figures would cost as much as writing it. */
function sizeOf(message) {
  let parts = 0;
  const waiting = [message];
  let size = 0;
  while (waiting.length > 0) {
    if (++parts > MOST_PARTS) return Number.POSITIVE_INFINITY;
    const value = waiting.pop();
    if (typeof value === 'string') size += value.length + 2;
    else if (typeof value !== 'object' || value === null) size += 8;
    else if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) size += value.byteLength;
    else if (Array.isArray(value)) {
      if (value.length > MOST_PARTS) return Number.POSITIVE_INFINITY;
      for (let i = 0; i < value.length; i++) waiting.push(value[i]);
    } else if (value instanceof Map || value instanceof Set) return Number.POSITIVE_INFINITY;
    else {
      for (const name in value) {
        size += name.length + 4;
        waiting.push(value[name]);
      }
    }
  }
  return size;
}

module.exports = { sizeOf };
