'use strict';

const { EventEmitter } = require('node:events');
const { checkInteger, checkOptions, checkString, MAX_INT } = require('../checks.cjs');
const { makeDisposable } = require('../dispose.cjs');
const { callOptions, NOTIFY_CHECKS, POOL_CHECKS } = require('./call-options.cjs');
const { callable } = require('./callable.cjs');
const { Crew } = require('./crew.cjs');
const { channels } = require('./diagnostics.cjs');
const { Dispatch } = require('./dispatch.cjs');
const { CallAbortedError, CallError, PoolClosedError, PoolStartError } = require('./errors.cjs');
const { process } = require('./globals.cjs');
const { closeHandle } = require('./handles.cjs');
const { proxyOf } = require('./methods.cjs');
const { placeOf } = require('./places.cjs');
const { poolOptions } = require('./pool-options.cjs');
const { starter } = require('./start.cjs');
const { streamsIn } = require('./streams.cjs');
const { paramsOf } = require('./wire.cjs');

/** Workers, and the calls that they are given. */
class Pool extends EventEmitter {
  #options;
  #calls;
  #crew;
  #closed;
  /** Who waits for a worker to start, or not to. */
  #changes = [];

  constructor(file, options) {
    super();
    this.#options = poolOptions(options);
    this.#calls = new Dispatch(this, this.#options);
    this.#crew = new Crew(this.#options, starter(file, this.#options.starting), this.#listener());
    this.#calls.attach(this.#crew);
    this.call = callable((...args) => this.#calls.begin(this.#calls.make(...args), 'promise'));
    this.stream = callable((...args) => this.#calls.begin(this.#calls.make(...args), 'stream'));
    this.notify = callable((...args) => this.#notify(...args));
    if (!this.#options.lazy) this.#crew.begin();
  }

  /** The methods as an object. */
  methods() {
    return proxyOf((method, params, options) => this.call(method, params, options));
  }

  /** Calls a method once for each value, and gives the results in order. Leaving the loop cancels what has no result. */
  async *map(method, values, options) {
    const { inFlight = 2 * this.#calls.capacity, signal, ...rest } = checkOptions(options);
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
    if (streamsIn(paramsOf(params)) !== undefined) {
      const why = 'callAll calls each worker, and only one of them could read it';
      throw new CallError(`'${method}' has a stream among its parameters: ${why}`, 'ERR_CALL_UPLOAD');
    }
    const workers = this.#crew.workers.filter(({ state }) => state === 'ready');
    this.#calls.keepAlive.add();
    const all = Promise.allSettled(workers.map(({ peer }) => peer.call(method, params, options)));
    return all.finally(() => this.#calls.keepAlive.remove());
  }

  /** Waits until as many workers are ready as there are at least, or until the pool can't start. */
  async ready() {
    const wanted = Math.max(1, this.#options.min);
    this.#calls.keepAlive.add();
    try {
      if (this.#options.lazy) for (let i = 0; i < wanted; i++) this.#crew.need(this.#crew.places[i]);
      while (this.#crew.places.filter(({ worker }) => worker !== undefined).length < wanted) {
        if (this.#calls.state !== 'open') throw new PoolClosedError();
        if (this.#crew.problem !== undefined) throw new PoolStartError(this.#crew.problem);
        await new Promise((resolve) => this.#changes.push(resolve));
      }
    } finally {
      this.#calls.keepAlive.remove();
    }
  }

  /** Replaces all workers, one after the other, by new ones: of a new binary, say. No call fails for it. */
  async reload() {
    if (this.#calls.state !== 'open') throw new PoolClosedError();
    this.#calls.keepAlive.add();
    try {
      await this.#crew.reload();
    } catch (error) {
      throw error instanceof PoolClosedError ? error : new PoolStartError(error);
    } finally {
      this.#calls.keepAlive.remove();
    }
  }

  /** Rejects what waits, and leaves what runs. */
  cancelWaiting(reason) {
    const why = ({ method }) => new CallAbortedError(`'${method}' was cancelled before it began`, reason);
    this.#calls.rejectWaiting(why);
  }

  /** Takes no more calls, waits for those there are, and ends the workers. */
  close() {
    if (this.#calls.state === 'open') {
      this.#calls.state = 'closing';
      this.#closed = this.#close();
    }
    return this.#closed;
  }

  /** Rejects all calls, kills the workers, and waits until they have ended. */
  destroy() {
    const closing = this.#closed;
    if (this.#calls.state !== 'closed') this.#closed = Promise.all([this.#destroy(), closing]).then(([first]) => first);
    return this.#closed;
  }

  async #destroy() {
    const why = () => new PoolClosedError('The pool was destroyed');
    this.#calls.state = 'closed';
    this.#calls.keepAlive.add();
    this.#calls.rejectWaiting(why);
    this.#calls.rejectRunning(why);
    this.#changed();
    const killed = await this.#crew.destroy(why());
    this.#calls.keepAlive.remove();
    return { killed };
  }

  async #close() {
    this.#calls.keepAlive.add();
    this.#changed();
    await this.#calls.idle();
    this.#calls.state = 'closed';
    const killed = await this.#crew.close();
    this.#calls.keepAlive.remove();
    this.#tell('close');
    return { killed };
  }

  /** A pool that is not wanted keeps the process alive for no call. */
  unref() {
    this.#calls.keepAlive.want(false);
    return this;
  }

  ref() {
    this.#calls.keepAlive.want(true);
    return this;
  }

  get closed() {
    return this.#calls.state !== 'open';
  }

  /** More calls wait than run; 'drain' will come. */
  get needsDrain() {
    return this.#calls.needsDrain;
  }

  get workers() {
    return this.#crew.workers;
  }

  stats() {
    const { waiting, running, stats } = this.#calls;
    return stats.summary({ waiting, running, restarts: this.#crew.restarts }, this.#crew.workers);
  }

  #notify(method, params, options) {
    const { handle, handleToAnyPeer, key } = callOptions(options, { ...NOTIFY_CHECKS, key: POOL_CHECKS.key });
    checkString(method, 'method');
    const place = key === undefined ? undefined : placeOf(key, this.#crew.places);
    const workers = this.#crew.workers.filter(({ state }) => state === 'ready' || state === 'retiring');
    for (const worker of workers) {
      if (place === undefined || place.worker === worker)
        worker.connection.notify(method, params, handle, handleToAnyPeer);
    }
  }

  // From the workers

  #listener() {
    return {
      workerReady: (worker) => {
        if (channels.ready.hasSubscribers) channels.ready.publish({ pool: this, worker });
        this.#calls.fill(worker);
        this.#changed();
        this.#tell('workerReady', worker);
      },
      workerEnded: (worker, end) => {
        if (channels.ended.hasSubscribers) channels.ended.publish({ pool: this, worker, ...end });
        this.#calls.fillAll();
        this.#tell('workerExit', worker, end);
      },
      startFailed: (error, isHopeless) => {
        if (isHopeless) {
          this.#calls.rejectWaiting(() => new PoolStartError(error));
        }
        this.#changed();
        this.#tell('startFailed', error);
      },
      output: (name, chunk, worker) => {
        // A worker's stderr is seen, unless somebody sees to it.
        if (!this.emit(name, chunk, worker) && name === 'stderr') process.stderr.write(chunk);
      },
      message: (message, handle, worker) => {
        if (!this.emit('message', message, handle, worker)) closeHandle(handle);
      },
      hasWaiting: () => this.#calls.hasWaiting,
    };
  }

  /** Emits. What a listener throws is uncaught, as always, and keeps the pool from nothing. */
  #tell(...event) {
    try {
      this.emit(...event);
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  }

  #changed() {
    for (const resolve of this.#changes.splice(0)) resolve();
  }
}

makeDisposable(Pool.prototype, undefined, async function later() {
  await this.close();
});

module.exports = { Pool };
