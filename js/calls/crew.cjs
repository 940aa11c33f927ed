'use strict';

// The workers of a pool: how many there are, and when they begin, are replaced, and end.

const { deadlines } = require('./deadlines.cjs');
const { channels } = require('./diagnostics.cjs');
const { PoolClosedError } = require('./errors.cjs');
const { performance } = require('./globals.cjs');
const { Place } = require('./places.cjs');
const { Worker } = require('./worker.cjs');

/** A pool in which each start has failed so often can't start. */
const TRIES = 3;

/** A worker that has lived so long, in milliseconds, has started. */
const LIVED = 1000;

/** Workers that are alike do not end at the same time: up to so much earlier. */
const JITTER = 0.1;

class Crew {
  places;
  restarts = 0;
  /** Why no worker starts. */
  problem = undefined;
  #options;
  #fork;
  #pool;
  /** All that have not ended. */
  #workers = new Set();
  #lastId = 0;
  #turn = 0;
  #isClosed = false;
  #isSweeping = false;
  #reloading = undefined;
  #onEmpty = [];

  /**
   * @param {object} pool told of what happens (`workerReady`, `workerEnded`, `startFailed`, `output`, `message`), and asked
   *   whether calls wait (`hasWaiting`)
   */
  constructor(options, fork, pool) {
    this.#options = options;
    this.#fork = fork;
    this.#pool = pool;
    this.places = Array.from({ length: options.max }, (_, index) => new Place(index));
  }

  get workers() {
    return [...this.#workers];
  }

  begin() {
    for (const place of this.places.slice(0, this.#options.min)) this.#start(place);
  }

  /**
   * The worker that takes calls and has the fewest. Where several have as few it is their turn; but in a pool that can
   * shrink the first, so that the last have nothing to do.
   */
  leastBusy() {
    let best;
    const { length } = this.places;
    const first = this.#options.min < this.#options.max ? 0 : this.#turn;
    for (let i = 0; i < length; i++) {
      const { worker } = this.places[(first + i) % length];
      if (worker?.isFree && (best === undefined || worker.running < best.running)) best = worker;
    }
    if (best !== undefined) this.#turn = (best.place.index + 1) % length;
    return best;
  }

  get isOneFree() {
    return this.places.some(({ worker }) => worker?.isFree === true);
  }

  /** One more worker, if there is a place for it and more calls wait than workers are starting. */
  grow(waiting) {
    const starting = this.places.filter((place) => place.next !== undefined).length;
    if (starting >= waiting) return;
    const place = this.places.find((one) => this.#mayStart(one));
    if (place !== undefined) this.#start(place);
  }

  /** How many workers are starting, or can be started: each of them will be free. */
  get missing() {
    return this.places.filter((place) => this.isMissing(place)).length;
  }

  isMissing(place) {
    return place.worker === undefined && (place.next !== undefined || this.#mayStart(place));
  }

  /** Of each place one old worker may finish its calls: if they do not end, each old one would leave a process behind. */
  #mayStart(place) {
    return place.isEmpty && [...this.#workers].filter((worker) => worker.place === place).length < 2;
  }

  /** Somebody waits for the worker of this place. */
  need(place) {
    if (this.#mayStart(place)) this.#start(place);
  }

  get isTrying() {
    return this.places.some((place) => place.isTrying);
  }

  /** A worker has finished a call. */
  released(worker) {
    worker.place.failures = 0;
    const { maxMemory } = this.#options;
    if (worker.rss > maxMemory && worker.state === 'ready') this.#replace(worker.place);
    if (worker.handed >= worker.maxCalls) this.#leave(worker);
    this.#endIfDone(worker);
  }

  /** A worker says that it is ending, and takes no more calls. */
  isLeaving(worker) {
    this.#leave(worker);
    worker.retire();
  }

  /** Replaces each worker by a new one, one after the other. If one does not start, those that are left stay. */
  reload() {
    // Who asks while one is under way wants what is new since.
    const last = this.#reloading;
    this.#reloading = last === undefined ? this.#reload() : last.catch(() => {}).then(() => this.#reload());
    return this.#reloading;
  }

  async #reload() {
    for (const place of this.places) {
      if (this.#isClosed) throw new PoolClosedError();
      if (place.isEmpty) continue;
      place.cancelPause();
      const { next } = place;
      place.next = undefined;
      next?.kill();
      await new Promise((resolve, reject) => {
        place.onStart = { resolve, reject };
        this.#start(place);
      });
    }
  }

  /** Ends those who have nothing to do, and waits for the end of all. Returns how many had to be killed. */
  async close() {
    this.#close();
    for (const worker of this.#workers) {
      if (worker.state === 'starting') worker.kill();
      else if (worker.state !== 'ending') worker.end(this.#options.closeTimeout);
    }
    return this.#empty();
  }

  async destroy(cause) {
    this.#close();
    for (const worker of this.#workers) worker.kill(cause);
    return this.#empty();
  }

  #close() {
    this.#isClosed = true;
    for (const place of this.places) {
      place.cancelPause();
      place.onStart?.reject(new PoolClosedError());
    }
  }

  async #empty() {
    const all = this.workers;
    if (this.#workers.size > 0) {
      await new Promise((resolve) => this.#onEmpty.push(resolve));
    }
    return all.filter(({ wasKilled }) => wasKilled).length;
  }

  #start(place) {
    place.cancelPause();
    let child;
    try {
      child = this.#fork({ CROSSFORK_WORKER_ID: `${place.index + 1}` });
    } catch (error) {
      this.#failed(place, error);
      return;
    }
    const worker = new Worker(++this.#lastId, child, this.#options.answers, this);
    worker.place = place;
    place.next = worker;
    this.#workers.add(worker);
    if (channels.started.hasSubscribers) channels.started.publish({ pool: this.#pool, worker });
    worker.start(this.#options);
  }

  #replace(place) {
    if (!this.#isClosed && !place.isTrying) this.#start(place);
  }

  /** A worker takes no more calls; if it is the one of its place, another begins. */
  #leave(worker) {
    const { place } = worker;
    if (place.worker !== worker) return;
    place.worker = undefined;
    this.#refill(place);
  }

  #refill(place) {
    if (!this.#isClosed && this.#mayStart(place) && this.#isWanted(place)) this.#start(place);
  }

  #isWanted(place) {
    if (place.queue.peek() !== undefined || this.#pool.hasWaiting()) return true;
    return !this.#options.lazy && this.#occupied() < this.#options.min;
  }

  #occupied() {
    return this.places.filter(({ isEmpty }) => !isEmpty).length;
  }

  #endIfDone(worker) {
    if (worker.state === 'retiring' && worker.running === 0) worker.end(this.#options.closeTimeout);
  }

  #failed(place, error) {
    if (this.#isClosed) return;
    place.pause(() => this.#refill(place));
    place.onStart?.reject(error);
    place.onStart = undefined;
    const isHopeless = ({ worker, isTrying, failures }) => worker === undefined && (!isTrying || failures >= TRIES);
    if (this.places.every(isHopeless)) this.problem = error;
    this.#pool.startFailed(error, this.problem !== undefined);
  }

  // From the workers

  ready(worker) {
    const { place } = worker;
    const { maxCalls, maxAge } = this.#options;
    const old = place.worker;
    place.next = undefined;
    place.worker = worker;
    this.problem = undefined;
    worker.maxCalls = Math.max(1, Math.round(early(maxCalls)));
    if (maxAge !== Number.POSITIVE_INFINITY) {
      const expire = () => place.worker === worker && this.#replace(place);
      worker.age = [{ expire }, 0];
      worker.age[1] = deadlines.add(worker.age[0], early(maxAge));
    }
    this.#sweepLater();
    place.onStart?.resolve();
    place.onStart = undefined;
    if (old !== undefined) {
      old.retire();
      this.#endIfDone(old);
    }
    this.#pool.workerReady(worker);
  }

  ended(worker, end) {
    const { place } = worker;
    this.#workers.delete(worker);
    if (worker.age !== undefined) deadlines.remove(...worker.age);
    if (place.next === worker) {
      place.next = undefined;
      this.#failed(place, worker.startError(end));
    } else if (place.worker === worker) {
      place.worker = undefined;
      this.restarts += 1;
      if (performance.now() - worker.readyAt > LIVED) place.failures = 0;
      // One that ends before it is given anything may be the first of many.
      if (worker.handed === 0 && !this.#isClosed) place.pause(() => this.#refill(place));
      else this.#refill(place);
    } else this.#refill(place);
    this.#pool.workerEnded(worker, end);
    if (this.#workers.size === 0) for (const resolve of this.#onEmpty.splice(0)) resolve();
  }

  output(...args) {
    this.#pool.output(...args);
  }

  message(...args) {
    this.#pool.message(...args);
  }

  // Workers that have nothing to do

  #sweepLater() {
    const { min, max, idleTimeout } = this.#options;
    if (this.#isSweeping || min === max || idleTimeout === Number.POSITIVE_INFINITY) return;
    this.#isSweeping = true;
    deadlines.add({ expire: () => this.#sweep() }, Math.max(idleTimeout / 2, 1));
  }

  #sweep() {
    this.#isSweeping = false;
    if (this.#isClosed) return;
    const idle = performance.now() - this.#options.idleTimeout;
    for (const place of [...this.places].reverse()) {
      const { worker } = place;
      if (this.#occupied() <= this.#options.min) break;
      if (worker?.state !== 'ready' || worker.running > 0 || worker.idleSince > idle || place.next !== undefined)
        continue;
      place.worker = undefined;
      worker.retire();
      this.#endIfDone(worker);
    }
    if (this.#occupied() > this.#options.min) this.#sweepLater();
  }
}

function early(limit) {
  return limit * (1 - Math.random() * JITTER);
}

module.exports = { Crew };
