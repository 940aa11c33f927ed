'use strict';

const { from, lengthOf } = require('./bytes.cjs');
const { systemError } = require('./errors.cjs');
const { wouldBlock } = require('./passing.cjs');
const { discard, keepDup } = require('./watch.cjs');

/** How many bytes a waiting descriptor counts as: a process's limit of descriptors may be low. */
const WEIGHT_OF_FD = 1024;

/** On a stream, chunks of up to SMALL bytes are batched into one call of up to BATCH_BYTES. */
const BATCH_BYTES = 65536;
const SMALL = 4096;

/** How many bytes are written before other sockets get a turn. */
const TURN = 1024 * 1024;

/** EPIPE, ECONNRESET, ENOTCONN, ECONNREFUSED: there is no peer. After any other error the next message may succeed. */
const GONE = new Set([-32, -104, -107, -111]);

/** More descriptors are in flight than the user may have. It succeeds after some of them were received. */
const ETOOMANYREFS = -109;

const EFAULT = -14;

/** Messages that were sent but that the kernel has not accepted yet, in order. */
class SendQueue {
  #watch;
  #stream;
  #entries = [];
  /** The index of the first entry that is not sent yet. */
  #head = 0;
  #weight = 0;
  #left = TURN;
  #stuck = false;

  constructor(watch, type) {
    this.#watch = watch;
    this.#stream = type === 'stream';
  }

  get isEmpty() {
    return this.#head === this.#entries.length;
  }

  /** Whether the kernel accepts no more descriptors for now. It does not report when it does again. */
  get isStuck() {
    return this.#stuck;
  }

  /** The size of what waits: its bytes, plus WEIGHT_OF_FD for each descriptor. */
  get weight() {
    return this.#weight;
  }

  /** Sends at once if nothing waits, and queues the rest. Returns the error that ends the socket, if any. */
  send(bytes, fds, callback) {
    const entry = { bytes, length: lengthOf(bytes), offset: 0, fds, kept: undefined, callback };
    if (this.isEmpty) {
      this.#left = TURN;
      const result = this.#write(entry);
      if (result !== undefined) return this.#settle(entry, result);
    }
    if (entry.fds) {
      // Duplicated, because the caller may close the descriptors at any time.
      const kept = duplicate(entry.fds);
      if (typeof kept === 'number') return this.#settle(entry, kept, 'dup');
      entry.fds = entry.kept = kept;
    }
    this.#weight += weightOf(entry);
    this.#entries.push(entry);
    return undefined;
  }

  /** Sends as much as possible. Returns the error that ends the socket, if any. */
  flush() {
    this.#stuck = false;
    this.#left = TURN;
    while (!this.isEmpty && this.#left > 0) {
      const first = this.#entries[this.#head];
      const before = weightOf(first);
      const count = this.#batchSize();
      if (count > 1) {
        const result = this.#writeBatch(count);
        if (wouldBlock(result)) break;
        const error = result < 0 ? this.#shift(result) : undefined;
        if (error) return error;
        continue;
      }
      const result = this.#write(first);
      this.#weight += weightOf(first) - before;
      if (result === undefined) break;
      const error = this.#shift(result);
      if (error) return error;
    }
    return undefined;
  }

  /** How many entries can go in one call. On a stream: small ones from the first on, up to one with descriptors. */
  #batchSize() {
    if (!this.#stream) return 1;
    let sum = 0;
    let end = this.#head;
    for (; end < this.#entries.length; end++) {
      const { bytes, fds, length, offset } = this.#entries[end];
      sum += length - offset;
      if (fds || length > SMALL || sum > BATCH_BYTES || lengthOf(bytes) !== length) break;
    }
    return end - this.#head;
  }

  /** Writes `count` entries in one call. Returns the call's result. */
  #writeBatch(count) {
    const entries = this.#entries.slice(this.#head, this.#head + count);
    const result = this.#watch.write(Buffer.concat(entries.map(({ bytes, offset }) => from(bytes, offset))), 0);
    this.#left -= Math.max(result, 0);
    for (let left = result, i = 0; left > 0; i++) {
      const part = Math.min(left, entries[i].length - entries[i].offset);
      entries[i].offset += part;
      this.#weight -= part;
      left -= part;
      if (entries[i].offset === entries[i].length) this.#shift(0);
    }
    return result;
  }

  /** Removes the first entry, which was sent or failed. */
  #shift(result) {
    const entry = this.#entries[this.#head];
    this.#entries[this.#head++] = undefined;
    // Not each time, because that would move all other entries each time.
    if (this.#head === this.#entries.length || this.#head === 1024) {
      this.#entries.splice(0, this.#head);
      this.#head = 0;
    }
    this.#weight -= weightOf(entry);
    if (entry.kept) discard([...entry.kept]);
    return this.#settle(entry, result);
  }

  /** Discards all entries, and calls their callbacks with the error. */
  drop(error) {
    for (const { kept, callback } of this.#entries.splice(0).slice(this.#head)) {
      if (kept) discard([...kept]);
      if (callback) process.nextTick(callback, error);
    }
    this.#head = 0;
    this.#weight = 0;
  }

  /** Writes an entry. Returns 0 if all of it was written, an error number, or undefined if it would have to wait. */
  #write(entry) {
    do {
      // The caller has detached or resized the memory meanwhile.
      if (lengthOf(entry.bytes) !== entry.length) return EFAULT;
      const wanted = entry.length - entry.offset;
      const result = this.#watch.write(entry.bytes, entry.offset, entry.fds);
      this.#stuck = result === ETOOMANYREFS;
      if (wouldBlock(result) || this.#stuck) return undefined;
      if (result < 0) return result;
      entry.offset += result;
      this.#left -= result;
      // The descriptors were sent with the first byte.
      entry.fds = undefined;
      // A stream that accepts only a part is full.
      if (result < wanted) return undefined;
    } while (entry.offset < entry.length && this.#left > 0);
    return entry.offset < entry.length ? undefined : 0;
  }

  /** Reports a result to the callback. Returns the error if the socket cannot continue, or if there is no callback. */
  #settle({ offset, callback }, result, syscall = 'sendmsg') {
    const error = result < 0 ? systemError(result, syscall) : null;
    if (callback) process.nextTick(callback, error);
    const isFatal = offset > 0 || GONE.has(result) || !callback;
    return error && isFatal ? error : undefined;
  }
}

function weightOf({ length, offset, fds }) {
  return length - offset + (fds?.length ?? 0) * WEIGHT_OF_FD;
}

/** Duplicates descriptors. Returns the duplicates, which the caller owns, or an error number. */
function duplicate(fds) {
  const made = new Int32Array(fds.length);
  for (const [i, fd] of fds.entries()) {
    const result = keepDup(fd);
    if (result < 0) {
      discard([...made.subarray(0, i)]);
      return result;
    }
    made[i] = result;
  }
  return made;
}

module.exports = { SendQueue };
