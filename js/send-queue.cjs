'use strict';

const { from, lengthOf } = require('./bytes.cjs');
const { systemError } = require('./errors.cjs');
const { wouldBlock } = require('./passing.cjs');
const { discard, keepDup } = require('./watch.cjs');

/** What a waiting descriptor counts for, in bytes: a process may have few. */
const WEIGHT_OF_FD = 1024;

/** Small parts of a stream are copied into one call of this many bytes. */
const TOGETHER = 65536;
const SMALL = 4096;

/** How much is written before it is others' turn. */
const TURN = 1024 * 1024;

/** EPIPE, ECONNRESET, ENOTCONN, ECONNREFUSED: nobody is there. After any other error the next message may pass. */
const GONE = new Set([-32, -104, -107, -111]);

/** More descriptors are on their way than the user may have: it passes when somebody receives some. */
const ETOOMANYREFS = -109;

const EFAULT = -14;

/** What was sent and the kernel has not taken yet, in order. */
class SendQueue {
  #watch;
  #stream;
  #entries = [];
  /** How many of the first entries are sent already. */
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

  /** The kernel takes no more descriptors for now, and will not tell when it does. */
  get isStuck() {
    return this.#stuck;
  }

  /** How much waits: bytes, and something for each descriptor. */
  get weight() {
    return this.#weight;
  }

  /** Sends at once if nothing waits, and keeps what is left. Returns the error that ends the socket, if any. */
  send(bytes, fds, callback) {
    const entry = { bytes, length: lengthOf(bytes), offset: 0, fds, kept: undefined, callback };
    if (this.isEmpty) {
      this.#left = TURN;
      const result = this.#write(entry);
      if (result !== undefined) return this.#settle(entry, result);
    }
    if (entry.fds) {
      // The caller may close what was given, or hand it to others.
      const kept = duplicate(entry.fds);
      if (typeof kept === 'number') return this.#settle(entry, kept, 'dup');
      entry.fds = entry.kept = kept;
    }
    this.#weight += weightOf(entry);
    this.#entries.push(entry);
    return undefined;
  }

  /** Sends what it can. Returns the error that ends the socket, if any. */
  flush() {
    this.#stuck = false;
    this.#left = TURN;
    while (!this.isEmpty && this.#left > 0) {
      const first = this.#entries[this.#head];
      const before = weightOf(first);
      const count = this.#together();
      if (count > 1) {
        const result = this.#writeTogether(count);
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

  /** How many small entries from the first on can go in one call: on a stream, and none with descriptors. */
  #together() {
    if (!this.#stream) return 1;
    let sum = 0;
    let end = this.#head;
    for (; end < this.#entries.length; end++) {
      const { bytes, fds, length, offset } = this.#entries[end];
      sum += length - offset;
      if (fds || length > SMALL || sum > TOGETHER || lengthOf(bytes) !== length) break;
    }
    return end - this.#head;
  }

  /** One call for so many entries. Returns what it returned. */
  #writeTogether(count) {
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

  /** Takes the first one out: it is sent, or cannot be. */
  #shift(result) {
    const entry = this.#entries[this.#head];
    this.#entries[this.#head++] = undefined;
    // Not each time, for then each time all others would be moved.
    if (this.#head === this.#entries.length || this.#head === 1024) {
      this.#entries.splice(0, this.#head);
      this.#head = 0;
    }
    this.#weight -= weightOf(entry);
    if (entry.kept) discard([...entry.kept]);
    return this.#settle(entry, result);
  }

  /** Nothing of it will be sent. */
  drop(error) {
    for (const { kept, callback } of this.#entries.splice(0).slice(this.#head)) {
      if (kept) discard([...kept]);
      if (callback) process.nextTick(callback, error);
    }
    this.#head = 0;
    this.#weight = 0;
  }

  /** All of an entry, if it can be: 0, an error number, or undefined if it would have to wait. */
  #write(entry) {
    do {
      // Its memory was taken away since: detached, or resized.
      if (lengthOf(entry.bytes) !== entry.length) return EFAULT;
      const wanted = entry.length - entry.offset;
      const result = this.#watch.write(entry.bytes, entry.offset, entry.fds);
      this.#stuck = result === ETOOMANYREFS;
      if (wouldBlock(result) || this.#stuck) return undefined;
      if (result < 0) return result;
      entry.offset += result;
      this.#left -= result;
      // They went with the first byte.
      entry.fds = undefined;
      // A stream that takes a part is full.
      if (result < wanted) return undefined;
    } while (entry.offset < entry.length && this.#left > 0);
    return entry.offset < entry.length ? undefined : 0;
  }

  /** A message that is refused is its callback's business, unless it leaves the socket useless. */
  #settle({ offset, callback }, result, syscall = 'sendmsg') {
    const error = result < 0 ? systemError(result, syscall) : null;
    if (callback) process.nextTick(callback, error);
    const useless = offset > 0 || GONE.has(result) || !callback;
    return error && useless ? error : undefined;
  }
}

function weightOf({ length, offset, fds }) {
  return length - offset + (fds?.length ?? 0) * WEIGHT_OF_FD;
}

/** Duplicates that are ours, or an error number. */
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
