'use strict';

// The calls of a pool: who waits, who has whom, and what becomes of those whose worker is gone.

const { checkString } = require('../checks.cjs');
const { Call } = require('./call.cjs');
const { callOptions, POOL_CHECKS } = require('./call-options.cjs');
const { deadlines } = require('./deadlines.cjs');
const { channels } = require('./diagnostics.cjs');
const { mayHaveBegun } = require('./ending.cjs');
const { CallError, PoolClosedError, PoolStartError, QueueFullError } = require('./errors.cjs');
const { performance, process } = require('./globals.cjs');
const { KeepAlive } = require('./keep-alive.cjs');
const { placeOf } = require('./places.cjs');
const { firstOf, Queue } = require('./queue.cjs');
const { Stats } = require('./stats.cjs');

/** A call that so many workers have passed on goes to no other. */
const MOST_ATTEMPTS = 16;

/** A call that so many workers have died of before they had read it goes to no other: it may be too long for each of them. */
const MOST_DEATHS = 4;

class Dispatch {
  /** @type {'open' | 'closing' | 'closed'} whether calls are taken, and whether those there are go on */
  state = 'open';
  waiting = 0;
  running = 0;
  /** More calls wait than run; 'drain' will come. */
  needsDrain = false;
  keepAlive = new KeepAlive();
  stats = new Stats();
  #pool;
  #options;
  #crew = undefined;
  #queue = new Queue();
  #order = 0;
  #onIdle = undefined;

  constructor(pool, options) {
    this.#pool = pool;
    this.#options = options;
  }

  /** The crew needs the calls first, and then the calls the crew. */
  attach(crew) {
    this.#crew = crew;
  }

  /** Calls wait that any worker can take, or there was no room for one, and is none since. */
  get hasWaiting() {
    return this.#queue.peek() !== undefined || (this.state === 'open' && this.needsDrain && !this.#hasRoom);
  }

  get #hasRoom() {
    return this.waiting < this.#options.maxQueue || (this.#queue.peek() === undefined && this.#crew.isOneFree);
  }

  /** How many calls the workers take at a time. */
  get capacity() {
    return this.#crew.places.reduce((sum, { worker }) => sum + (worker?.concurrency ?? 1), 0);
  }

  /** Waits until no call waits or runs, or until the calls are rejected. */
  async idle() {
    while (this.state !== 'closed' && (this.waiting > 0 || this.running > 0)) {
      await new Promise((resolve) => {
        this.#onIdle = resolve;
      });
    }
  }

  rejectWaiting(why) {
    for (const queue of [this.#queue, ...this.#crew.places.map((place) => place.queue)]) this.#rejectAll(queue, why);
  }

  rejectRunning(why) {
    for (const { connection } of this.#crew.workers) this.#rejectAll(connection.machine.calls, why);
    this.#onIdle?.();
  }

  make(method, params, options) {
    const checked = callOptions(options, POOL_CHECKS);
    const { timeout } = this.#options;
    const all = timeout === undefined || options?.timeout !== undefined ? checked : { ...checked, timeout };
    const call = new Call(this, checkString(method, 'method'), params, all);
    call.priority = all.priority ?? 0;
    call.order = ++this.#order;
    return call;
  }

  begin(call, what) {
    this.keepAlive.add();
    if (channels.made.hasSubscribers) channels.made.publish({ pool: this.#pool, call });
    const result = call[what]();
    if (!call.isSettled) this.#submit(call);
    return result;
  }

  #submit(call) {
    const crew = this.#crew;
    if (this.state !== 'open') return call.reject(new PoolClosedError());
    if (crew.problem !== undefined && crew.isTrying) return call.reject(new PoolStartError(crew.problem));
    const { key } = call.options;
    call.place = key === undefined ? undefined : placeOf(key, crew.places);
    const worker = this.#workerFor(call);
    if (worker !== undefined) return this.#hand(worker, call);
    if (!this.#mayWait(call)) {
      this.needsDrain = true;
      return call.reject(new QueueFullError(this.#options.maxQueue));
    }
    return this.#wait(call);
  }

  /** Who can take a call that has just been made, if nobody waits before it. */
  #workerFor({ place }) {
    if (place === undefined) return this.#queue.peek() === undefined ? this.#crew.leastBusy() : undefined;
    return place.queue.peek() === undefined && place.worker?.isFree ? place.worker : undefined;
  }

  /** A call that waits for a worker that is only starting takes no place in the queue. */
  #mayWait({ place }) {
    const { maxQueue } = this.#options;
    if (this.waiting < maxQueue) return true;
    const missing = place === undefined ? this.#crew.missing : Number(this.#crew.isMissing(place));
    return this.waiting < maxQueue + missing;
  }

  #wait(call) {
    this.waiting += 1;
    if (this.waiting >= Math.min(this.#options.maxQueue, this.capacity)) this.needsDrain = true;
    call.isQueued = true;
    this.#queueOf(call).push(call);
    if (call.place !== undefined) this.#crew.need(call.place);
    else this.#crew.grow(this.waiting);
  }

  #queueOf({ place }) {
    return place === undefined ? this.#queue : place.queue;
  }

  #hand(worker, call) {
    const now = performance.now();
    call.sentAt = now;
    call.attempts += 1;
    this.running += 1;
    this.stats.sent(now - call.madeAt);
    worker.hand(call, now);
    if (channels.sent.hasSubscribers) channels.sent.publish({ pool: this.#pool, call, worker });
  }

  /** Gives a worker what waits for it. */
  fill(worker) {
    // A call that cannot be sent gives its place back at once, and comes here again.
    if (worker.isBeingFilled) return;
    worker.isBeingFilled = true;
    while (worker.isFree) {
      const { queue } = worker.place;
      // Only who has the place has what waits for the place.
      const own = worker.place.worker === worker ? queue.peek() : undefined;
      const call = firstOf(own, this.#queue.peek());
      if (call === undefined) break;
      (call === own ? queue : this.#queue).shift();
      call.isQueued = false;
      this.waiting -= 1;
      this.#hand(worker, call);
    }
    worker.isBeingFilled = false;
    this.#checkDrain();
  }

  fillAll() {
    for (const { worker } of this.#crew.places) if (worker !== undefined) this.fill(worker);
    if (this.waiting > 0) this.#crew.grow(this.waiting);
    this.#checkDrain();
  }

  #checkDrain() {
    if (this.waiting > 0) return;
    if (this.needsDrain && this.#hasRoom) {
      this.needsDrain = false;
      process.nextTick(() => this.#pool.emit('drain'));
    }
    if (this.running === 0) this.#onIdle?.();
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
    this.keepAlive.remove();
    this.stats.settled(call);
    if (channels.settled.hasSubscribers) channels.settled.publish({ pool: this.#pool, call });
  }

  /** The caller does not wait any more. */
  abandon(call) {
    if (call.state === 'waiting') {
      call.state = 'over';
      // It may stay in the queue for as long as others run.
      call.params = undefined;
      if (!call.isQueued) return;
      this.waiting -= 1;
      this.#queueOf(call).left();
      this.#checkDrain();
    } else if (call.state === 'sent' && !call.connection.cancel(call)) this.#startGrace(call);
  }

  released(call) {
    const { worker } = call;
    this.#free(call);
    this.#crew.released(worker);
    this.fill(worker);
  }

  notBegun(call) {
    const { worker } = call;
    // Whatever the worker says: what it has taken or given cannot be taken or given again.
    const isUntouched = call.handle === undefined && !call.hasBegunUpload && call.items?.hasBegun !== true;
    const goesOn = this.state !== 'closed' && isUntouched && call.attempts < MOST_ATTEMPTS;
    if (!goesOn) return false;
    this.#free(call);
    this.#crew.isLeaving(worker);
    this.#crew.released(worker);
    this.#again(call);
    this.fillAll();
    return true;
  }

  lost(call, end) {
    const { worker } = call;
    this.#free(call);
    if (call.isSettled) return;
    const begun = mayHaveBegun(call);
    const { retries = 0 } = call.options;
    call.deaths += 1;
    const mayGoOn = this.state !== 'closed' && call.items?.hasBegun !== true && call.attempts < MOST_ATTEMPTS;
    const canTravel = (call.handle === undefined || call.entry !== undefined) && !call.hasBegunUpload;
    if (mayGoOn && canTravel && (begun ? call.retried < retries : call.deaths < MOST_DEATHS)) {
      if (begun) call.retried += 1;
      this.#again(call);
    } else call.reject(worker.diedError(call, end));
  }

  #again(call) {
    call.reset();
    call.isQueued = true;
    this.waiting += 1;
    this.#queueOf(call).push(call);
    if (call.place !== undefined) this.#crew.need(call.place);
  }

  #free(call) {
    const now = performance.now();
    this.running -= 1;
    this.#endGrace(call);
    call.worker.released(now);
    this.stats.released(now - call.sentAt);
  }

  /** A worker that does not answer a call that was cancelled is replaced. */
  #startGrace(call) {
    const { grace } = this.#options;
    if (grace === Number.POSITIVE_INFINITY) return;
    const { worker } = call;
    worker.overdue += 1;
    const expire = () => {
      const message = `it was killed, for '${call.method}' did not stop within ${grace} ms of being cancelled`;
      worker.kill(new CallError(message, 'ERR_CALL_GRACE'));
    };
    const item = { expire };
    call.grace = [item, deadlines.add(item, grace)];
  }

  #endGrace({ grace, worker }) {
    if (grace === undefined) return;
    deadlines.remove(...grace);
    worker.overdue -= 1;
  }
}

module.exports = { Dispatch };
