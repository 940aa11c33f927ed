'use strict';

const { lengthOf } = require('./bytes.cjs');
const { systemError } = require('./errors.cjs');
const { wouldBlock } = require('./passing.cjs');
const { discard, keepDup } = require('./watch.cjs');

/** What a waiting descriptor counts for, in bytes: a process may have few. */
const WEIGHT_OF_FD = 1024;

/** EPIPE, ECONNRESET, ENOTCONN, ECONNREFUSED: nobody is there. After any other error the next message may pass. */
const GONE = new Set([-32, -104, -107, -111]);

/** What was sent and the kernel has not taken yet, in order. */
class SendQueue {
  #watch;
  #entries = [];
  #weight = 0;

  constructor(watch) {
    this.#watch = watch;
  }

  get isEmpty() {
    return this.#entries.length === 0;
  }

  /** How much waits: bytes, and something for each descriptor. */
  get weight() {
    return this.#weight;
  }

  /** Sends at once if nothing waits, and keeps what is left. Returns the error that ends the socket, if any. */
  send(bytes, fds, callback) {
    const entry = { bytes, length: lengthOf(bytes), offset: 0, fds, callback };
    if (this.isEmpty) {
      const result = this.#write(entry);
      if (result !== undefined) return this.#settle(entry, result);
    }
    // The caller may close what was given, or hand it to others.
    if (entry.fds) entry.fds = duplicate(entry.fds);
    entry.kept = entry.fds;
    this.#weight += weightOf(entry);
    this.#entries.push(entry);
    return undefined;
  }

  /** Sends what it can. Returns the error that ends the socket, if any. */
  flush() {
    let sent = 0;
    let error;
    for (; sent < this.#entries.length && error === undefined; sent++) {
      const entry = this.#entries[sent];
      const before = weightOf(entry);
      const result = this.#write(entry);
      if (result === undefined) {
        this.#weight += weightOf(entry) - before;
        break;
      }
      this.#weight -= before;
      if (entry.kept) discard([...entry.kept]);
      error = this.#settle(entry, result);
    }
    this.#entries.splice(0, sent);
    return error;
  }

  /** Nothing of it will be sent. */
  drop(error) {
    for (const { kept, callback } of this.#entries.splice(0)) {
      if (kept) discard([...kept]);
      if (callback) process.nextTick(callback, error);
    }
    this.#weight = 0;
  }

  /** All of an entry, if it can be: 0, an error number, or undefined if it would have to wait. */
  #write(entry) {
    do {
      const result = this.#watch.write(entry.bytes, entry.offset, entry.fds);
      if (wouldBlock(result)) return undefined;
      if (result < 0) return result;
      entry.offset += result;
      // They went with the first byte.
      entry.fds = undefined;
    } while (entry.offset < entry.length);
    return 0;
  }

  /** A message that is refused is its callback's business, unless it leaves the socket useless. */
  #settle({ offset, callback }, result) {
    const error = result < 0 ? systemError(result, 'sendmsg') : null;
    if (callback) process.nextTick(callback, error);
    const useless = offset > 0 || GONE.has(result) || !callback;
    return error && useless ? error : undefined;
  }
}

function weightOf({ length, offset, fds }) {
  return length - offset + (fds?.length ?? 0) * WEIGHT_OF_FD;
}

function duplicate(fds) {
  const made = [];
  try {
    for (const fd of fds) made.push(keepDup(fd));
  } catch (error) {
    discard(made);
    throw error;
  }
  return Int32Array.from(made);
}

module.exports = { SendQueue };
