'use strict';

const { deadlines } = require('./deadlines.cjs');
const { Queue } = require('./queue.cjs');

/** After a start that has failed the next one waits, and longer each time. In milliseconds. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 10_000;

/** A pool has room for so many workers; each place has one, one that will replace it, or none. */
class Place {
  worker = undefined;
  /** The one that is starting. */
  next = undefined;
  /** How many starts in a row have failed. */
  failures = 0;
  /** Calls whose key belongs here. */
  queue = new Queue();
  #pause = undefined;

  constructor(index) {
    this.index = index;
  }

  get isEmpty() {
    return this.worker === undefined && this.next === undefined && this.#pause === undefined;
  }

  /** Something is under way here that may still fail. */
  get isTrying() {
    return this.next !== undefined || this.#pause !== undefined;
  }

  /** Calls `start` after a pause that grows. */
  pause(start) {
    this.failures += 1;
    const ms = Math.min(FIRST_PAUSE * 2 ** (this.failures - 1), LONGEST_PAUSE);
    const item = {
      expire: () => {
        this.#pause = undefined;
        start();
      },
    };
    this.#pause = [item, deadlines.add(item, ms)];
  }

  cancelPause() {
    if (this.#pause !== undefined) deadlines.remove(...this.#pause);
    this.#pause = undefined;
  }
}

/** A number for a text, the same everywhere (FNV-1a, and its bits mixed). */
function hashOf(text) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * The place of a key: rendezvous hashing, so that with one place more or less only the keys of that place move. Places
 * stay when their workers go, so that a key moves to the worker that replaces its own.
 */
function placeOf(key, places) {
  let best = places[0];
  let highest = -1;
  for (const place of places) {
    const score = hashOf(`${place.index} ${key}`);
    if (score > highest) [best, highest] = [place, score];
  }
  return best;
}

module.exports = { Place, placeOf };
