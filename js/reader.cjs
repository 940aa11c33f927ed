'use strict';

const { ReceivedFds } = require('./received-fds.cjs');

// The flags of a read, which native code adds above the 32 bits of the length.
const UNIT = 2 ** 32;
const FDS = 1;
const FDS_LOST = 2;
const CUT = 4;
const END = 8;

const STREAM_BYTES = 65536;

/** The `fds` of messages without descriptors. */
const NONE = new ReceivedFds([], false);

/** Read buffers, by size. All sockets share them, because a read does not last longer than the call. */
const shared = new Map();

/** Reads from a socket, and holds the result of the last read. */
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

  /** How many bytes are read before other sockets get a turn, and what each read counts in addition to its bytes. */
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

  /** Whether nothing more can be read now, as far as known: descriptors too end a read of a stream early. */
  get isDrained() {
    return this.#stream && this.#length < this.#size && this.#fds === NONE;
  }

  get fds() {
    return this.#fds;
  }

  /** The bytes. Read this once: if they fill half of the shared buffer, it is given away; otherwise they are copied. */
  get data() {
    const memory = shared.get(this.#size);
    if (this.#length * 2 < this.#size) return Buffer.from(memory.subarray(0, this.#length));
    shared.delete(this.#size);
    return memory.subarray(0, this.#length);
  }
}

module.exports = { Reader };
