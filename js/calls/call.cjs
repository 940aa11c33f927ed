'use strict';

const { CallAbortedError, CallTimeoutError } = require('./errors.cjs');
const { closeHandle } = require('./handles.cjs');
const { deadlines } = require('./deadlines.cjs');
const { fromWire } = require('./remote-error.cjs');
const { performance, process } = require('./globals.cjs');
const { Items } = require('./items.cjs');
const { leaveSignal, watchSignal } = require('./signals.cjs');
const { leave, streamsIn } = require('./streams.cjs');
const { withCaller } = require('./with-caller.cjs');

/**
 * One call, from when it is made until its answer has come. The caller may be told the outcome before that: then the id
 * and the place at the worker are still taken.
 */
class Call {
  /** @type {'waiting' | 'sent' | 'over'} whether a worker has it */
  state = 'waiting';
  isSettled = false;
  /** What the machine knows of it. */
  id = undefined;
  entry = undefined;
  credit = undefined;
  /** The connection that it was given to. */
  connection = undefined;
  /** The channel has taken it, as far as can be known. */
  isWritten = false;
  /** The channel had not taken it when it closed. */
  isLost = false;
  items = undefined;
  /** The streams among its parameters, and what sends them. */
  streams = undefined;
  uploads = undefined;
  /** The caller's outcome, if it is an error. */
  error = undefined;
  /** What a pool keeps of it: its place in the queue, who has it, and how often it was given away. */
  priority = 0;
  order = 0;
  place = undefined;
  isQueued = false;
  worker = undefined;
  grace = undefined;
  sentAt = 0;
  attempts = 0;
  retried = 0;
  deaths = 0;
  #owner;
  #options;
  #settle;
  #step = undefined;
  #onAbort = undefined;

  /**
   * @param {object} owner told when the caller has its outcome (`settled`), when the caller no longer waits (`abandon`), and
   *   what becomes of the place at the worker (`released`, `notBegun`, `lost`)
   * @param {object} options checked
   */
  constructor(owner, method, params, options) {
    this.method = method;
    this.params = params;
    this.streams = streamsIn(params);
    this.handle = options.handle;
    this.traceparent = options.traceparent;
    this.madeAt = performance.now();
    this.#owner = owner;
    this.#options = options;
  }

  get options() {
    return this.#options;
  }

  /** Begins to wait. Returns a promise of the result. */
  promise() {
    const promise = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#watch();
    return withCaller(promise);
  }

  /** Begins to wait. Returns the items of the result. */
  stream() {
    this.items = new Items(this);
    this.credit = this.items.room;
    this.#watch();
    return this.items;
  }

  #watch() {
    const { signal, timeout } = this.#options;
    if (timeout !== undefined) this.#step = deadlines.add(this, timeout, this.madeAt);
    if (signal === undefined) return;
    this.#onAbort = () => this.#giveUp(new CallAbortedError(`'${this.method}' was aborted`, signal.reason));
    if (signal.aborted) this.#onAbort();
    else watchSignal(signal, this.#onAbort);
  }

  /** How many milliseconds are left, as the callee is told. */
  timeLeft(now = performance.now()) {
    const { timeout } = this.#options;
    return timeout === undefined ? undefined : Math.max(0, Math.ceil(this.madeAt + timeout - now));
  }

  /** Called when the timeout has passed. */
  expire() {
    this.#step = undefined;
    this.#giveUp(new CallTimeoutError(this.method, this.#options.timeout));
  }

  /** The caller does not want any more items. */
  leave() {
    if (this.isSettled) return;
    this.#settled();
    this.#owner.abandon(this);
  }

  moreRoom(n) {
    this.connection?.credit(this, n);
  }

  /** Rejects the caller at once; the answer is still to come. */
  #giveUp(error) {
    if (this.isSettled) return;
    this.reject(error);
    this.#owner.abandon(this);
  }

  // What has come

  answered(result, handle) {
    if (this.isSettled || (handle !== undefined && !this.#options.takesHandle)) closeHandle(handle);
    if (this.isSettled) return;
    if (this.items !== undefined) {
      // A method whose result is plain gives one item.
      const isPlain = result !== undefined && result !== null && !this.items.hasBegun;
      const problem = isPlain ? this.items.push([result], false) : undefined;
      if (problem) this.items.fail(problem);
      else this.items.end();
    } else {
      this.#settle.resolve(this.#options.takesHandle ? { result, handle } : result);
    }
    this.#settled();
  }

  failed(error) {
    this.reject(fromWire(error, this.method));
  }

  gotItems(items, hasCredit) {
    const problem = this.items?.push(items, hasCredit);
    if (problem) this.#giveUp(problem);
  }

  gotProgress(value) {
    if (this.isSettled || this.#options.onProgress === undefined) return;
    try {
      this.#options.onProgress(value);
    } catch (error) {
      // As any listener's: it is uncaught, and what came in the same message is not lost for it.
      process.nextTick(() => {
        throw error;
      });
    }
  }

  reject(error) {
    if (this.isSettled) return;
    this.error = error;
    if (this.items !== undefined) this.items.fail(error);
    else this.#settle.reject(error);
    this.#settled();
  }

  // What happens to its place

  /** The place at the worker is free again. */
  released() {
    this.state = 'over';
    this.#owner.released(this);
  }

  /** The worker has not begun it, and never will. Returns whether somebody else does. */
  notBegun() {
    return this.#owner.notBegun(this);
  }

  /** The worker is gone. */
  lost(end) {
    this.state = 'over';
    this.#owner.lost(this, end);
  }

  /** Somebody else begins it, as if nobody had. */
  reset() {
    Object.assign(this, { state: 'waiting', id: undefined, entry: undefined, isWritten: false, isLost: false });
    this.uploads = undefined;
    this.connection = undefined;
  }

  #settled() {
    this.isSettled = true;
    const { signal } = this.#options;
    if (this.#step !== undefined) deadlines.remove(this, this.#step);
    if (signal !== undefined) leaveSignal(signal, this.#onAbort);
    for (const { iterable, hasBegun } of this.streams ?? []) if (!hasBegun) leave(iterable);
    this.#owner.settled(this);
  }

  /** Items of an upload were taken: it cannot be made again. */
  get hasBegunUpload() {
    return this.streams?.some(({ hasBegun }) => hasBegun) ?? false;
  }
}

module.exports = { Call };
