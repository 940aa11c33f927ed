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
  /** What is not sent yet of its items and of its progress. */
  itemsEntry = undefined;
  progressEntry = undefined;
  /** The tokens of its parameters that are streams, and what reads them. */
  tokens = undefined;
  uploads = [];

  constructor(id, method, params, { stream, deadline, uploads } = {}) {
    this.id = id;
    this.method = method;
    this.params = params;
    /** How many items the caller has room for; undefined if it does not want the result as a stream. */
    this.credit = countOf(stream, 1);
    /** How many milliseconds the caller waits. */
    this.deadline = countOf(deadline, 0);
    const count = Math.min(countOf(uploads, 1) ?? 0, MOST_UPLOADS);
    if (count > 0) this.tokens = new Set(Array.from({ length: count }, (_, number) => tokenOf(id, number)));
    this.traceparent = undefined;
    this.handle = undefined;
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
