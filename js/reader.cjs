'use strict';

const { ReceivedFds } = require('./received-fds.cjs');

// What native code says of a read, above the length.
const UNIT = 2 ** 32;
const FDS = 1;
const FDS_LOST = 2;
const CUT = 4;
const END = 8;

const STREAM_BYTES = 65536;

/** What messages without descriptors come with. */
const NONE = new ReceivedFds([], false);

/** Memory to read into, by its size: no read lasts longer than the call, so that all sockets share it. */
const shared = new Map();

/** Reads, and holds what the last read has brought. */
class Reader {
  #stream;
  #size;
  #length = 0;
  #flags = 0;
  #fds = NONE;

  constructor(type, maxMessageBytes) {
    this.#stream = type === 'stream';
    this.#size = this.#stream ? STREAM_BYTES : maxMessageBytes;
  }

  /** How much is read before it is others' turn, and what each read counts for besides its bytes. */
  turn = 1024 * 1024;
  each = 4096;

  /** Reads once. Returns a negative error number if that fails. */
  read(watch) {
    if (!shared.has(this.#size)) shared.set(this.#size, Buffer.allocUnsafeSlow(this.#size));
    const result = watch.read(shared.get(this.#size));
    if (result < 0) return result;
    this.#flags = Math.floor(result / UNIT);
    this.#length = result % UNIT;
    this.#fds = this.#flags & (FDS | FDS_LOST) ? ReceivedFds.arrived((this.#flags & FDS_LOST) !== 0) : NONE;
    return 0;
  }

  get length() {
    return this.#length;
  }

  get isEnd() {
    return (this.#flags & END) !== 0;
  }

  get isCut() {
    return (this.#flags & CUT) !== 0;
  }

  /** Nothing more is there, as far as can be told: a read of a stream ends early at descriptors too. */
  get isDrained() {
    return this.#stream && this.#length < this.#size && this.#fds === NONE;
  }

  get fds() {
    return this.#fds;
  }

  /** The bytes; asked for once. A large part of the memory is given away, a small one is copied. */
  get data() {
    const memory = shared.get(this.#size);
    if (this.#length * 2 < this.#size) return Buffer.from(memory.subarray(0, this.#length));
    shared.delete(this.#size);
    return memory.subarray(0, this.#length);
  }
}

module.exports = { Reader };
