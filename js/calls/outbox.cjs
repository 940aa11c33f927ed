'use strict';

// What waits to be sent, in order, and how it is put together: single messages, or bundles for an end that reads them.

const { sizeOfCall } = require('./size.cjs');

const MOST_MESSAGES = 64;
const MOST_BYTES = 64 * 1024;

/**
 * One message that waits.
 * @typedef {object} Entry
 * @property {object | undefined} message undefined once it was sent or withdrawn
 * @property {'request' | 'answer' | 'items' | 'progress' | 'other'} kind
 * @property {unknown} owner the call that was made, or the one that is answered
 * @property {unknown} handle
 */

class Outbox {
  #entries = [];
  /** How many of the first entries are gone already. */
  #head = 0;
  #isClosed = false;

  /** @returns {Entry} */
  push(message, kind, owner, handle) {
    const entry = { message, kind, owner, handle };
    if (!this.#isClosed) this.#entries.push(entry);
    return entry;
  }

  withdraw(entry) {
    entry.message = undefined;
    entry.owner = undefined;
  }

  get length() {
    return this.#entries.length - this.#head;
  }

  get isEmpty() {
    return this.#first() === undefined;
  }

  /** The entries of the next message: one, or more than one if they may travel together. */
  take(bundles) {
    const first = this.#first();
    if (first === undefined) return undefined;
    this.#next();
    const taken = [first];
    if (!bundles || first.handle !== undefined || this.#first() === undefined) return taken;
    let size = sizeOfCall(first.message);
    while (taken.length < MOST_MESSAGES && size < MOST_BYTES) {
      const entry = this.#first();
      if (entry === undefined || entry.handle !== undefined) break;
      size += sizeOfCall(entry.message);
      if (size > MOST_BYTES) break;
      taken.push(entry);
      this.#next();
    }
    return taken;
  }

  /** Nothing is sent any more, and nothing is kept of what comes. Returns what was left. */
  close() {
    this.#isClosed = true;
    const left = this.#entries.slice(this.#head).filter(({ message }) => message !== undefined);
    this.#entries = [];
    this.#head = 0;
    return left;
  }

  #first() {
    while (this.#head < this.#entries.length) {
      const entry = this.#entries[this.#head];
      if (entry.message !== undefined) return entry;
      this.#next();
    }
    return undefined;
  }

  #next() {
    this.#entries[this.#head++] = undefined;
    // Not each time, for then each time all others would be moved.
    if (this.#head === this.#entries.length || this.#head === 1024) {
      this.#entries.splice(0, this.#head);
      this.#head = 0;
    }
  }
}

module.exports = { Outbox };
