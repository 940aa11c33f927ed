'use strict';

const { countOf, isId } = require('./wire.cjs');

/** A call of the peer's, until it is answered. */
class Incoming {
  /** @type {'waiting' | 'running' | 'answered'} */
  state = 'waiting';
  isCancelled = false;
  /** What is not sent yet of its items and of its progress. */
  itemsEntry = undefined;
  progressEntry = undefined;

  constructor(id, method, params, { stream, deadline } = {}) {
    this.id = id;
    this.method = method;
    this.params = params;
    /** How many items the caller has room for; undefined if it does not want the result as a stream. */
    this.credit = countOf(stream, 1);
    /** How many milliseconds the caller waits. */
    this.deadline = countOf(deadline, 0);
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

module.exports = { Incoming };
