'use strict';

const { EventEmitter } = require('node:events');
const { checkInteger, checkOptions, checkString, MAX_INT } = require('../checks.cjs');
const { makeDisposable } = require('../dispose.cjs');
const { Call } = require('./call.cjs');
const { callOptions, CHECKS, POOL_CHECKS } = require('./call-options.cjs');
const { callable } = require('./callable.cjs');
const { Crew } = require('./crew.cjs');
const { deadlines } = require('./deadlines.cjs');
const { channels } = require('./diagnostics.cjs');
const { mayHaveBegun } = require('./ending.cjs');
const { CallAbortedError, CallError, PoolClosedError, PoolStartError, QueueFullError } = require('./errors.cjs');
const { closeHandle } = require('./handles.cjs');
const { KeepAlive } = require('./keep-alive.cjs');
const { proxyOf } = require('./methods.cjs');
const { placeOf } = require('./places.cjs');
const { poolOptions } = require('./pool-options.cjs');
const { firstOf, Queue } = require('./queue.cjs');
const { starter } = require('./start.cjs');
const { Stats } = require('./stats.cjs');

/** A call that so many workers have passed on goes to no other. */
const MOST_ATTEMPTS = 16;

/** Workers, and the calls that they are given. */
class Pool extends EventEmitter {
  /** @type {'open' | 'closing' | 'closed'} */
  #state = 'open';
  #options;
  #crew;
  #queue = new Queue();
  #waiting = 0;
  #running = 0;
  #order = 0;
  #needsDrain = false;
  #keepAlive = new KeepAlive();
  #stats = new Stats();
  #closed;
  #onIdle = undefined;
  #changes = [];

  constructor(file, options) {
    super();
    this.#options = poolOptions(options);
    this.#crew = new Crew(this.#options, starter(file, this.#options.starting), this.#listener());
    this.call = callable((...args) => this.#begin(this.#make(...args), 'promise'));
    this.stream = callable((...args) => this.#begin(this.#make(...args), 'stream'));
    this.notify = callable((...args) => this.#notify(...args));
    if (!this.#options.lazy) this.#crew.begin();
  }

  /** The methods as an object. */
  methods() {
    return proxyOf((method, params, options) => this.call(method, params, options));
  }

  /** Calls a method once for each value, and gives the results in order. Leaving the loop cancels what has no result. */
  async *map(method, values, options) {
    const { inFlight = 2 * this.#capacity(), signal, ...rest } = checkOptions(options);
    checkInteger(inFlight, 'options.inFlight', 1, MAX_INT);
    const left = new AbortController();
    const onAbort = () => left.abort(signal.reason);
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted) onAbort();
    const results = [];
    try {
      for await (const value of values) {
        const result = this.call(method, value, { ...rest, signal: left.signal });
        result.catch(() => {}); // It is somebody's turn to hear of it, but not yet.
        results.push(result);
        if (results.length >= inFlight) yield await results.shift();
      }
      while (results.length > 0) yield await results.shift();
    } finally {
      signal?.removeEventListener('abort', onAbort);
      left.abort();
    }
  }

  /** Calls a method of every worker that is ready. Waits for none, and for no place. */
  callAll(method, params, options) {
    const workers = this.#crew.workers.filter(({ state }) => state === 'ready');
    this.#keepAlive.add();
    const all = Promise.allSettled(workers.map(({ peer }) => peer.call(method, params, options)));
    return all.finally(() => this.#keepAlive.remove());
  }

  /** Waits until as many workers are ready as there are at least, or until the pool can't start. */
  async ready() {
    const wanted = Math.max(1, this.#options.min);
    this.#keepAlive.add();
    try {
      if (this.#options.lazy) for (let i = 0; i < wanted; i++) this.#crew.need(this.#crew.places[i]);
      while (this.#crew.places.filter(({ worker }) => worker !== undefined).length < wanted) {
        if (this.#state !== 'open') throw new PoolClosedError();
        if (this.#crew.problem !== undefined) throw new PoolStartError(this.#crew.problem);
        await new Promise((resolve) => this.#changes.push(resolve));
      }
    } finally {
      this.#keepAlive.remove();
    }
  }

  /** Replaces all workers, one after the other, by new ones: of a new binary, say. No call fails for it. */
  async reload() {
    if (this.#state !== 'open') throw new PoolClosedError();
    this.#keepAlive.add();
    try {
      await this.#crew.reload();
    } catch (error) {
      throw new PoolStartError(error);
    } finally {
      this.#keepAlive.remove();
    }
  }

  /** Rejects what waits, and leaves what runs. */
  cancelWaiting(reason) {
    for (const queue of this.#queues()) {
      for (const call of [...queue]) {
        call.reject(new CallAbortedError(`'${call.method}' was cancelled before it began`, reason));
        this.abandon(call);
      }
    }
  }

  /** Takes no more calls, waits for those there are, and ends the workers. */
  close() {
    if (this.#state === 'open') {
      this.#state = 'closing';
      this.#closed = this.#close();
    }
    return this.#closed;
  }

  /** Rejects all calls, kills the workers, and waits until they have ended. */
  destroy() {
    const closing = this.#closed;
    if (this.#state !== 'closed') this.#closed = Promise.all([this.#destroy(), closing]).then(([first]) => first);
    return this.#closed;
  }

  async #destroy() {
    const cause = new PoolClosedError('The pool was destroyed');
    this.#state = 'closed';
    this.#keepAlive.add();
    for (const queue of this.#queues()) this.#rejectAll(queue, () => cause);
    for (const { connection } of this.#crew.workers) this.#rejectAll(connection.machine.calls, () => cause);
    this.#onIdle?.();
    this.#changed();
    const killed = await this.#crew.destroy(cause);
    this.#keepAlive.remove();
    return { killed };
  }

  async #close() {
    this.#keepAlive.add();
    this.#changed();
    while (this.#state === 'closing' && (this.#waiting > 0 || this.#running > 0)) {
      await new Promise((resolve) => {
        this.#onIdle = resolve;
      });
    }
    this.#state = 'closed';
    const killed = await this.#crew.close();
    this.#keepAlive.remove();
    this.emit('close');
    return { killed };
  }

  /** A pool that is not wanted keeps the process alive for no call. */
  unref() {
    this.#keepAlive.want(false);
    return this;
  }

  ref() {
    this.#keepAlive.want(true);
    return this;
  }

  get closed() {
    return this.#state !== 'open';
  }

  /** More calls wait than run; 'drain' will come. */
  get needsDrain() {
    return this.#needsDrain;
  }

  get workers() {
    return this.#crew.workers;
  }

  stats() {
    const counts = { waiting: this.#waiting, running: this.#running, restarts: this.#crew.restarts };
    return this.#stats.summary(counts, this.#crew.workers);
  }

  // Making calls

  #make(method, params, options, site) {
    const checked = callOptions(options, POOL_CHECKS);
    const { timeout } = this.#options;
    const all = timeout === undefined || options?.timeout !== undefined ? checked : { ...checked, timeout };
    const call = new Call(this, checkString(method, 'method'), params, all, site);
    call.priority = all.priority ?? 0;
    call.order = ++this.#order;
    return call;
  }

  #begin(call, what) {
    this.#keepAlive.add();
    if (channels.made.hasSubscribers) channels.made.publish({ pool: this, call });
    const result = call[what]();
    if (!call.isSettled) this.#submit(call);
    return result;
  }

  #submit(call) {
    const crew = this.#crew;
    if (this.#state !== 'open') return call.reject(new PoolClosedError());
    if (crew.problem !== undefined && crew.isTrying) return call.reject(new PoolStartError(crew.problem));
    const { key } = call.options;
    call.place = key === undefined ? undefined : placeOf(key, crew.places);
    const worker = this.#workerFor(call);
    if (worker !== undefined) return this.#hand(worker, call);
    if (this.#waiting >= this.#options.maxQueue) {
      this.#needsDrain = true;
      return call.reject(new QueueFullError(this.#options.maxQueue));
    }
    return this.#wait(call);
  }

  /** Who can take a call that has just been made, if nobody waits before it. */
  #workerFor({ place }) {
    if (place === undefined) return this.#queue.peek() === undefined ? this.#crew.leastBusy() : undefined;
    return place.queue.peek() === undefined && place.worker?.isFree ? place.worker : undefined;
  }

  #wait(call) {
    this.#waiting += 1;
    if (this.#waiting >= Math.min(this.#options.maxQueue, this.#capacity())) this.#needsDrain = true;
    call.isQueued = true;
    this.#queueOf(call).push(call);
    if (call.place !== undefined) this.#crew.need(call.place);
    else this.#crew.grow(this.#waiting);
  }

  #queueOf({ place }) {
    return place === undefined ? this.#queue : place.queue;
  }

  #queues() {
    return [this.#queue, ...this.#crew.places.map(({ queue }) => queue)];
  }

  #capacity() {
    return this.#crew.places.reduce((sum, { worker }) => sum + (worker?.concurrency ?? 1), 0);
  }

  #hand(worker, call) {
    const now = performance.now();
    call.sentAt = now;
    call.attempts += 1;
    this.#running += 1;
    this.#stats.sent(now - call.madeAt);
    worker.hand(call, now);
    if (channels.sent.hasSubscribers) channels.sent.publish({ pool: this, call, worker });
  }

  /** Gives a worker what waits for it. */
  #fill(worker) {
    while (worker.isFree) {
      const { queue } = worker.place;
      // Only who has the place has what waits for the place.
      const own = worker.place.worker === worker ? queue.peek() : undefined;
      const call = firstOf(own, this.#queue.peek());
      if (call === undefined) break;
      (call === own ? queue : this.#queue).shift();
      call.isQueued = false;
      this.#waiting -= 1;
      this.#hand(worker, call);
    }
    this.#checkDrain();
  }

  #fillAll() {
    for (const { worker } of this.#crew.places) if (worker !== undefined) this.#fill(worker);
  }

  #checkDrain() {
    if (this.#waiting > 0) return;
    if (this.#needsDrain) {
      this.#needsDrain = false;
      process.nextTick(() => this.emit('drain'));
    }
    if (this.#running === 0) this.#onIdle?.();
  }

  #notify(method, params, options) {
    const { handle, key } = callOptions(options, { handle: CHECKS.handle, key: POOL_CHECKS.key });
    checkString(method, 'method');
    const place = key === undefined ? undefined : placeOf(key, this.#crew.places);
    const workers = this.#crew.workers.filter(({ state }) => state === 'ready' || state === 'retiring');
    for (const worker of workers) {
      if (place === undefined || place.worker === worker) worker.connection.notify(method, params, handle);
    }
  }

  #rejectAll(calls, why) {
    for (const call of [...calls]) {
      if (call.isSettled) continue;
      call.reject(why(call));
      if (call.state === 'waiting') this.abandon(call);
    }
  }

  // From the calls

  settled(call) {
    this.#keepAlive.remove();
    this.#stats.settled(call);
    if (channels.settled.hasSubscribers) channels.settled.publish({ pool: this, call });
  }

  /** The caller does not wait any more. */
  abandon(call) {
    if (call.state === 'waiting') {
      call.state = 'over';
      if (!call.isQueued) return;
      this.#waiting -= 1;
      this.#queueOf(call).left();
      this.#checkDrain();
    } else if (call.state === 'sent' && !call.connection.cancel(call)) this.#startGrace(call);
  }

  released(call) {
    const { worker } = call;
    this.#free(call);
    this.#crew.released(worker);
    this.#fill(worker);
  }

  notBegun(call) {
    const { worker } = call;
    const goesOn = this.#state !== 'closed' && call.handle === undefined && call.attempts < MOST_ATTEMPTS;
    if (!goesOn) return false;
    this.#free(call);
    this.#crew.isLeaving(worker);
    this.#crew.released(worker);
    this.#again(call);
    this.#fillAll();
    return true;
  }

  lost(call, end) {
    const { worker } = call;
    this.#free(call);
    if (call.isSettled) return;
    const begun = mayHaveBegun(call);
    const { retries = 0 } = call.options;
    const mayGoOn = this.#state !== 'closed' && call.items?.hasBegun !== true && call.attempts < MOST_ATTEMPTS;
    const canTravel = call.handle === undefined || call.entry !== undefined;
    if (mayGoOn && canTravel && (!begun || call.retried < retries)) {
      if (begun) call.retried += 1;
      this.#again(call);
    } else call.reject(worker.diedError(call, end));
  }

  #again(call) {
    call.reset();
    call.isQueued = true;
    this.#waiting += 1;
    this.#queueOf(call).push(call);
    if (call.place !== undefined) this.#crew.need(call.place);
  }

  #free(call) {
    const now = performance.now();
    this.#running -= 1;
    if (call.grace !== undefined) deadlines.remove(...call.grace);
    call.worker.released(call, now);
    this.#stats.released(now - call.sentAt);
  }

  /** A worker that does not answer a call that was cancelled is replaced. */
  #startGrace(call) {
    const { grace } = this.#options;
    if (grace === Number.POSITIVE_INFINITY) return;
    const { worker } = call;
    const expire = () => {
      const message = `it was killed, for '${call.method}' did not stop within ${grace} ms of being cancelled`;
      worker.kill(new CallError(message, 'ERR_CALL_GRACE'));
    };
    const item = { expire };
    call.grace = [item, deadlines.add(item, grace)];
  }

  // From the workers

  #listener() {
    return {
      workerReady: (worker) => {
        if (channels.ready.hasSubscribers) channels.ready.publish({ pool: this, worker });
        this.#fill(worker);
        this.#changed();
        this.emit('workerReady', worker);
      },
      workerEnded: (worker, end) => {
        if (channels.ended.hasSubscribers) channels.ended.publish({ pool: this, worker, ...end });
        this.#fillAll();
        if (this.#waiting > 0) this.#crew.grow(this.#waiting);
        this.#checkDrain();
        this.emit('workerExit', worker, end);
      },
      startFailed: (error, isHopeless) => {
        if (isHopeless) {
          for (const queue of this.#queues()) this.#rejectAll(queue, () => new PoolStartError(error));
        }
        this.#changed();
        this.emit('startFailed', error);
      },
      output: (name, chunk, worker) => {
        // A worker's stderr is seen, unless somebody sees to it.
        if (!this.emit(name, chunk, worker) && name === 'stderr') process.stderr.write(chunk);
      },
      message: (message, handle, worker) => {
        if (!this.emit('message', message, handle, worker)) closeHandle(handle);
      },
      hasWaiting: () => this.#queue.peek() !== undefined,
    };
  }

  #changed() {
    for (const resolve of this.#changes.splice(0)) resolve();
  }
}

makeDisposable(Pool.prototype, undefined, async function later() {
  await this.close();
});

module.exports = { Pool };
