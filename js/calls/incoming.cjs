'use strict';

const { countOf, isId } = require('./wire.cjs');

/** How many of a call's parameters may be streams. */
const MOST_UPLOADS = 1024;

/** The token of a call's upload. */
const tokenOf = (id, number) => `${typeof id === 'string' ? JSON.stringify(id) : id}.${number}`;

/** A call of the peer's, until it is answered. */
class Incoming {
  /** @type {'waiting' | 'running' | 'answered'} */
  state = 'waiting';
  isCancelled = false;
  /** About how many bytes it keeps while it waits. */
  weight = undefined;
  /** What is not sent yet of its items and of its progress. */
  itemsEntry = undefined;
  progressEntry = undefined;
  /** What reads its parameters that are streams. */
  uploads = [];
  #uploadCount;
  /** The tokens of those. Until somebody reads one there is only the count, for the peer can announce what it does not send. */
  #taken = undefined;

  constructor(id, method, params, { stream, deadline, uploads } = {}) {
    this.id = id;
    this.method = method;
    this.params = params;
    /** How many items the caller has room for; undefined if it does not want the result as a stream. */
    this.credit = countOf(stream, 1);
    /** How many milliseconds the caller waits. */
    this.deadline = countOf(deadline, 0);
    this.#uploadCount = Math.min(countOf(uploads, 1) ?? 0, MOST_UPLOADS);
    this.traceparent = undefined;
    this.handle = undefined;
  }

  get hasUploads() {
    return this.#uploadCount > 0;
  }

  /** Takes one of its uploads. Returns false if there is none with this token, or if it was taken already. */
  take(token) {
    if (typeof token !== 'string') return false;
    const number = Number(token.slice(token.lastIndexOf('.') + 1));
    const isOne = number >= 0 && number < this.#uploadCount && token === tokenOf(this.id, number);
    if (!isOne || !Number.isInteger(number) || this.#taken?.has(token)) return false;
    this.#taken ??= new Set();
    this.#taken.add(token);
    return true;
  }

  /** A plain peer of the Language Server Protocol gets its partial results where it asks for them. */
  usePlainTokens() {
    const { params } = this;
    if (typeof params !== 'object' || params === null) return;
    if (isId(params.workDoneToken)) this.progressToken = params.workDoneToken;
    if (isId(params.partialResultToken)) {
      this.itemsToken = params.partialResultToken;
      this.credit = Number.POSITIVE_INFINITY;
    }
  }

  progressToken = undefined;
  itemsToken = undefined;
}

module.exports = { Incoming, tokenOf };
