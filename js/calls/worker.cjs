'use strict';

const { setPriority } = require('node:os');
const { deadlines } = require('./deadlines.cjs');
const { diedError } = require('./ending.cjs');
const { CallError, WorkerDiedError } = require('./errors.cjs');
const { performance } = require('./globals.cjs');
const { Peer } = require('./peer.cjs');
const { BYE } = require('./wire.cjs');

/** So much of the end of a worker's stderr is kept, for the errors of its calls. */
const LAST_WORDS = 4096;

/**
 * One worker of a pool, from its start to its end:
 * - starting: it has not said that it is ready
 * - ready: it takes calls
 * - retiring: it takes no more, and finishes those that it has
 * - ending: it has none, and was asked to end, or is being killed
 * - ended
 */
class Worker {
  /** @type {'starting' | 'ready' | 'retiring' | 'ending' | 'ended'} */
  state = 'starting';
  /** How many calls it has, and how many it takes. */
  running = 0;
  concurrency = 1;
  completed = 0;
  /** How many of its calls were cancelled and have not ended. */
  overdue = 0;
  handed = 0;
  readyAt = undefined;
  idleSince = performance.now();
  /** While it has calls, in milliseconds. */
  busy = 0;
  /** Why the pool has killed it. */
  cause = undefined;
  wasKilled = false;
  /** Why its start has failed, as far as it said so itself. */
  problem = undefined;
  /** Where in the pool it is. */
  place = undefined;
  maxCalls = Number.POSITIVE_INFINITY;
  /** The pool is giving it calls. */
  isBeingFilled = false;
  #busySince = undefined;
  #stderr = '';
  #limit = undefined;
  #listener;

  /**
   * @param {object} listener `ready(worker)`, `ended(worker, end)`, `output(name, chunk, worker)`, `message(message, handle,
   *   worker)`
   * @param {import('./runner.cjs').Settings} settings how the pool answers calls of the worker
   */
  constructor(id, child, settings, listener) {
    this.id = id;
    this.pid = child.pid;
    this.process = child;
    this.#listener = listener;
    this.peer = new Peer(child, settings);
    this.connection = Peer.partsOf(this.peer).connection;
    this.peer.on('message', (message, handle) => listener.message(message, handle, this));
    for (const name of ['stdout', 'stderr']) this.#listen(name, child[name]);
    child.unref();
    child.channel?.unref?.();
    this.peer.once('close', (end) => {
      this.#setLimit(undefined);
      this.state = 'ended';
      // It may have closed its channel and live on.
      if (end.exitCode === null && end.signal === null) child.kill('SIGKILL');
      listener.ended(this, end);
    });
  }

  #listen(name, stream) {
    if (!stream) return;
    stream.unref?.();
    stream.on('error', () => {});
    stream.on('data', (chunk) => {
      if (name === 'stderr') this.#stderr = (this.#stderr + chunk.toString('utf8')).slice(-LAST_WORDS);
      this.#listener.output(name, chunk, this);
    });
  }

  /** Waits until it says that it is ready, and until `setUp` has ended. */
  start(options) {
    this.#start(options).catch((error) => {
      if (this.state !== 'starting') return;
      // That its channel is closed says less than how it ends.
      if (error.code !== 'ERR_WORKER_DIED') this.problem = error;
      this.kill();
    });
  }

  async #start({ startTimeout, setUp, concurrency, nice }) {
    this.#setLimit(startTimeout, () => {
      const why = 'it does not say that it is ready. Does it call serve, or run a Service?';
      this.kill(new CallError(`after ${startTimeout} ms ${why}`, 'ERR_WORKER_START_TIMEOUT'));
    });
    if (nice !== undefined) setPriority(this.pid, nice);
    const offer = await this.peer.ready();
    await setUp?.(this);
    this.#setLimit(undefined);
    if (this.state !== 'starting') return;
    this.concurrency = concurrency ?? atLeastOne(offer.concurrency);
    this.methods = Array.isArray(offer.methods) ? offer.methods : undefined;
    this.state = 'ready';
    this.readyAt = this.idleSince = performance.now();
    this.#listener.ready(this);
  }

  /** It can take a call. One that may be killed in a moment can't, for its calls would be lost. */
  get isFree() {
    return this.state === 'ready' && this.running < this.concurrency && this.overdue === 0 && this.connection.isOpen;
  }

  /** Its resident memory, in bytes, as far as it has said so. */
  get rss() {
    return this.connection.machine.peerRss;
  }

  hand(call, now) {
    if (this.running === 0) this.#busySince = now;
    this.running += 1;
    this.handed += 1;
    if (this.handed >= this.maxCalls) this.state = 'retiring';
    call.worker = this;
    this.connection.hand(call, now);
  }

  released(now) {
    this.running -= 1;
    this.completed += 1;
    if (this.running === 0) {
      this.busy += now - this.#busySince;
      this.idleSince = now;
    }
  }

  /** The part of the time since it was ready in which it had something to do. */
  utilization(now) {
    if (this.readyAt === undefined || now <= this.readyAt) return 0;
    const busy = this.busy + (this.running > 0 ? now - this.#busySince : 0);
    return Math.min(1, busy / (now - this.readyAt));
  }

  /** Takes no more calls. */
  retire() {
    if (this.state === 'ready') this.state = 'retiring';
    if (this.state === 'starting') this.kill();
  }

  /** Asks it to end, for it has nothing to do, and kills it if it does not. */
  end(closeTimeout) {
    this.state = 'ending';
    this.#setLimit(closeTimeout, () => this.kill());
    if (this.connection.machine.peerIsOurs) {
      this.connection.notify(BYE);
      this.connection.flush();
    } else {
      this.peer.close();
    }
  }

  kill(cause) {
    if (this.state === 'ended') return;
    this.cause ??= cause;
    this.wasKilled = true;
    this.state = 'ending';
    this.process.kill('SIGKILL');
  }

  diedError(call, end) {
    return diedError(call, end, this.#stderr.trim(), this.cause);
  }

  /** Why it did not start. */
  startError(end) {
    const details = { begun: false, ...end, stderr: this.#stderr.trim() };
    const how =
      this.cause?.message ??
      this.problem?.message ??
      end.error?.message ??
      (end.signal !== null ? `it was ended by ${end.signal}` : `it has ended with exit code ${end.exitCode}`);
    const told = details.stderr === '' ? '' : `\nLast lines of stderr:\n${details.stderr}`;
    const cause = this.cause ?? this.problem ?? end.error;
    return new WorkerDiedError(`${how}${told}`, details, cause && { cause });
  }

  #setLimit(ms, expire) {
    if (this.#limit !== undefined) deadlines.remove(...this.#limit);
    this.#limit = undefined;
    if (ms === undefined) return;
    const item = { expire };
    this.#limit = [item, deadlines.add(item, ms)];
  }
}

function atLeastOne(n) {
  return Number.isSafeInteger(n) && n >= 1 ? n : 1;
}

module.exports = { Worker };
