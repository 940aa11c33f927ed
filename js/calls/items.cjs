'use strict';

const { CallError } = require('./errors.cjs');
const { withCaller } = require('./with-caller.cjs');

/** How many items a caller has room for. */
const ROOM = 64;

/** A peer that knows no credit may be so far ahead of who reads its items. */
const MOST_WITHOUT_CREDIT = 1024;

/**
 * The items of a call, in the caller's hands: an async iterable that holds as many as were asked for. Leaving the loop
 * cancels the call.
 */
class Items {
  /** Something has come. */
  hasBegun = false;
  #call;
  #ready = [];
  /** How many were taken and not yet asked for again. */
  #taken = 0;
  #sent;
  /** @type {'open' | 'ended' | 'failed'} */
  #state = 'open';
  #error;
  #waiting = [];

  constructor(call, room = ROOM) {
    this.#call = call;
    this.room = room;
    this.#sent = room;
  }

  /** Items have come. Returns what is wrong with that, if there are more than were asked for. */
  push(items, hasCredit) {
    if (this.#state !== 'open') return undefined;
    this.hasBegun = true;
    this.#sent -= items.length;
    const tooMany = hasCredit
      ? this.#sent < 0
      : this.#ready.length + items.length > Math.max(this.room, MOST_WITHOUT_CREDIT);
    if (tooMany) {
      const why = hasCredit
        ? 'more items than it was asked for'
        : 'items faster than they are read, and knows no credit';
      return new CallError(`'${this.#call.method}' sends ${why}`, 'ERR_CALL_STREAM_OVERFLOW');
    }
    for (const item of items) this.#ready.push(item);
    while (this.#waiting.length > 0 && this.#ready.length > 0) this.#waiting.shift().resolve(this.#take());
    return undefined;
  }

  end() {
    if (this.#state !== 'open') return;
    this.#state = 'ended';
    for (const { resolve } of this.#waiting.splice(0)) resolve({ done: true, value: undefined });
  }

  fail(error) {
    if (this.#state !== 'open') return;
    this.#state = 'failed';
    this.#error = error;
    const [first, ...others] = this.#waiting.splice(0);
    if (first === undefined) return;
    this.#state = 'ended';
    first.reject(error);
    for (const { resolve } of others) resolve({ done: true, value: undefined });
  }

  next() {
    if (this.#ready.length > 0) return Promise.resolve(this.#take());
    if (this.#state === 'failed') {
      this.#state = 'ended';
      return withCaller(Promise.reject(this.#error));
    }
    if (this.#state === 'ended') return Promise.resolve({ done: true, value: undefined });
    return withCaller(new Promise((resolve, reject) => this.#waiting.push({ resolve, reject })));
  }

  return(value) {
    this.#ready = [];
    const wasOpen = this.#state === 'open';
    this.end();
    this.#state = 'ended';
    if (wasOpen) this.#call.leave();
    return Promise.resolve({ done: true, value });
  }

  throw(error) {
    this.return();
    return Promise.reject(error);
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  #take() {
    const value = this.#ready.shift();
    this.#taken += 1;
    // Not for each item, for that would be as many messages.
    if (this.#state === 'open' && this.#taken * 2 >= this.room) {
      this.#sent += this.#taken;
      this.#call.moreRoom(this.#taken);
      this.#taken = 0;
    }
    return { done: false, value };
  }
}

module.exports = { Items, ROOM };
