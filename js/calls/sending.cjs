'use strict';

const { CallError } = require('./errors.cjs');
const { leave } = require('./streams.cjs');
const { CODES } = require('./wire.cjs');

/** After so many items others have their turn, and the channel its time. */
const TURN = 64;

/** The items of a result or an upload, on their way to the other side, as far as it has room for them. */
class Sending {
  #incoming;
  #iterable;
  #iterator = undefined;
  #connection;
  #maxCollected;
  #wake = undefined;
  #hasEnded = false;
  #left = undefined;

  constructor(incoming, iterable, connection, maxCollected) {
    this.#incoming = incoming;
    this.#iterable = iterable;
    this.#connection = connection;
    this.#maxCollected = maxCollected;
  }

  /** Sends all of them; or returns them in an array, if the caller wants a single result. */
  async run() {
    // Here, for it throws if somebody else reads the stream already.
    this.#iterator = this.#iterable[Symbol.asyncIterator]?.() ?? this.#iterable[Symbol.iterator]();
    try {
      return await (this.#incoming.credit === undefined ? this.#collect() : this.#send());
    } finally {
      this.#hasEnded = true;
    }
  }

  /** The caller has room again. */
  goOn() {
    this.#wake?.();
  }

  /** Nobody wants more. Who makes the items is told at once: the next one may never come. */
  stop() {
    this.#leave();
    this.#wake?.();
  }

  #leave() {
    if (!this.#hasEnded) this.#left ??= leave(this.#iterable, this.#iterator);
    return this.#left;
  }

  async #send() {
    const incoming = this.#incoming;
    for (let count = 1; ; count++) {
      while (incoming.credit === 0 && !incoming.isCancelled) {
        await new Promise((resolve) => {
          this.#wake = resolve;
        });
      }
      const { done, value } = await this.#next();
      if (done) return null;
      this.#connection.machine.item(incoming, value);
      this.#connection.schedule();
      // Whatever the credit is: with a lot of it, nothing else would have its turn.
      if (count % TURN === 0 || this.#connection.isFull) await this.#connection.room();
    }
  }

  async #collect() {
    const all = [];
    while (true) {
      const { done, value } = await this.#next();
      if (done) return all;
      if (all.length === this.#maxCollected) {
        await this.#leave();
        throw Object.assign(
          new CallError(
            `'${this.#incoming.method}' has more than ${all.length} items: call it as a stream`,
            'ERR_CALL_STREAM_OVERFLOW',
          ),
          { rpcCode: CODES.internal },
        );
      }
      all.push(value);
      if (all.length % TURN === 0) await this.#connection.room();
    }
  }

  /** The next one; a call that was cancelled has none. */
  async #next() {
    const next = this.#incoming.isCancelled ? undefined : await this.#iterator.next();
    // While it was waited for, too.
    if (!this.#incoming.isCancelled) return next;
    await this.#leave();
    throw new CallError('its caller does not want more items', 'ERR_CALL_ABORTED');
  }
}

module.exports = { Sending };
