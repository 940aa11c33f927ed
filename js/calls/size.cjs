'use strict';

/** More parts than this are not counted, and the whole is taken for large. */
const MOST_PARTS = 256;

/** About how many bytes the rest of a call or an answer has. */
const AROUND = 80;

/** About how many bytes a call or an answer will have. Exact figures would cost as much as writing it. */
function sizeOfCall({ params, result, error }) {
  return AROUND + sizeOf(params ?? result ?? error);
}

/** About how many bytes a value will have. */
function sizeOf(value) {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value !== 'object' || value === null) return 8;
  let parts = 0;
  const waiting = [value];
  let size = 0;
  while (waiting.length > 0) {
    if (++parts > MOST_PARTS) return Number.POSITIVE_INFINITY;
    const next = waiting.pop();
    if (typeof next === 'string') size += next.length + 2;
    else if (typeof next !== 'object' || next === null) size += 8;
    else if (ArrayBuffer.isView(next) || next instanceof ArrayBuffer) size += next.byteLength;
    else if (Array.isArray(next)) {
      if (next.length > MOST_PARTS) return Number.POSITIVE_INFINITY;
      for (let i = 0; i < next.length; i++) waiting.push(next[i]);
    } else if (next instanceof Map || next instanceof Set) return Number.POSITIVE_INFINITY;
    else {
      for (const name in next) {
        size += name.length + 4;
        waiting.push(next[name]);
      }
    }
  }
  return size;
}

/** About how many bytes a value keeps: all of it, whatever that takes. */
function weightOf(value) {
  let weight = 0;
  const seen = new Set();
  const waiting = [];
  const add = (one) => {
    if (typeof one === 'string') weight += one.length;
    else if (typeof one !== 'object' || one === null) weight += 8;
    else if (ArrayBuffer.isView(one) || one instanceof ArrayBuffer) weight += one.byteLength;
    else if (!seen.has(one)) {
      seen.add(one);
      waiting.push(one);
    }
  };
  add(value);
  while (waiting.length > 0) {
    const one = waiting.pop();
    weight += 16;
    if (one instanceof Map || one instanceof Set) for (const entry of one.entries()) entry.forEach(add);
    else if (Array.isArray(one)) one.forEach(add);
    else for (const name in one) add(one[name]);
  }
  return weight;
}

module.exports = { sizeOf, sizeOfCall, weightOf };
