'use strict';

const { CallError } = require('./errors.cjs');
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
    return this.#incoming.credit === undefined ? this.#collect() : this.#send();
  }

  /** The caller has room again. */
  goOn() {
    this.#wake?.();
  }

  /** The caller has cancelled. */
  stop() {
    this.#wake?.();
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
        await this.#iterator.return?.();
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
    if (this.#incoming.isCancelled) {
      await this.#iterator.return?.();
      throw new CallError('its caller does not want more items', 'ERR_CALL_ABORTED');
    }
    return this.#iterator.next();
  }
}

module.exports = { Sending };
