'use strict';

const { isId } = require('./wire.cjs');

/** Calls by the tokens that their parameters have: where a plain peer sends progress and partial results. */
class Tokens {
  #calls = new Map();

  add(call) {
    for (const token of tokensOf(call.params)) this.#calls.set(token, call);
  }

  get(token) {
    return this.#calls.get(token);
  }

  remove(call) {
    if (this.#calls.size > 0) for (const token of tokensOf(call.params)) this.#calls.delete(token);
  }

  clear() {
    this.#calls.clear();
  }
}

function tokensOf(params) {
  if (typeof params !== 'object' || params === null) return [];
  return [params.workDoneToken, params.partialResultToken].filter(isId);
}

module.exports = { Tokens };
