'use strict';

// Who answers calls. They begin in the order of their arrival: notifications run one after another, and a call does not
// begin before the notifications that came before it have ended.

const { coded } = require('../errors.cjs');
const { Context, WithHandle } = require('./context.cjs');
const { process } = require('./globals.cjs');
const { closeHandle } = require('./handles.cjs');
const { Sending } = require('./sending.cjs');
const { weightOf } = require('./size.cjs');
const { isStream } = require('./streams.cjs');
const { textOf, toWire } = require('./remote-error.cjs');
const { withUploads } = require('./upload.cjs');
const { argumentsOf, CODES, HELLO, BYE } = require('./wire.cjs');

/** How many notifications may wait; more are dropped. */
const MOST_NOTIFICATIONS = 65_536;

/**
 * How many bytes may wait; calls beyond them are answered as not begun, and notifications are dropped. Nobody can stop reading
 * here, as an end in Rust does beyond a quarter of it: a peer that means no harm has to get by with this.
 */
const MOST_BYTES = 256 * 1024 * 1024;

/** Cancelled calls among those that wait are left where they are until there are so many, and then removed together. */
const MOST_CANCELLED = 64;

/**
 * @typedef {object} Settings
 * @property {Map<string, Function>} methods
 * @property {number} concurrency how many calls run at a time
 * @property {boolean} ordered everything runs one after another
 * @property {boolean} stacks errors travel with their stacks and causes
 * @property {number} maxCollected how many items a stream may have for a caller that wants them all at once
 */

class Runner {
  #settings;
  #peer;
  #connection;
  #waiting = [];
  #head = 0;
  /** How many of those that wait are answered already. */
  #cancelledWaiting = 0;
  #running = new Map();
  #notificationsWaiting = 0;
  #bytesWaiting = 0;
  #isNotified = false;
  #isPumping = false;
  /** @type {'closed' | 'open' | 'leaving'} closed until the set-up is done */
  #state = 'open';
  #problem;
  #onIdle = undefined;
  /** The pool's own messages, for a worker that answers them. */
  onHello = undefined;
  onBye = undefined;

  /** @param {Settings} settings */
  constructor(settings, peer) {
    this.#settings = settings;
    this.#peer = peer;
  }

  /** The connection needs the runner first, and then the runner the connection. */
  attach(connection) {
    this.#connection = connection;
  }

  /** Nothing begins before `open`. */
  close() {
    this.#state = 'closed';
  }

  /** What waits begins; if there is a problem, all calls are answered with it. */
  open(problem) {
    if (this.#state === 'closed') this.#state = 'open';
    this.#problem = problem;
    this.#pump();
  }

  /** Takes no more calls. Those that have not begun are answered so, and go to another worker. */
  async leave() {
    this.#state = 'leaving';
    for (const { incoming } of this.#waiting.slice(this.#head)) {
      if (incoming === undefined || incoming.state !== 'waiting') continue;
      this.#leaves(incoming);
      this.#refuse(incoming);
      incoming.params = undefined;
      this.#cancelledWaiting += 1;
    }
    this.#pump();
    while (this.#running.size > 0 || this.#isNotified || this.#head < this.#waiting.length) {
      await new Promise((resolve) => {
        this.#onIdle = resolve;
      });
    }
  }

  /** The channel takes answers again. */
  goOn() {
    this.#pump();
  }

  // From the machine

  request(incoming) {
    const { method } = incoming;
    if (method === HELLO && this.onHello !== undefined) {
      incoming.state = 'running';
      this.onHello(
        (result) => this.#answer(incoming, result),
        (error) => this.#fail(incoming, toWire(error, this.#settings.stacks)),
      );
    } else if (this.#state === 'leaving') {
      this.#refuse(incoming);
    } else if (!this.#settings.methods.has(method)) {
      this.#fail(incoming, { code: CODES.unknownMethod, message: `There is no method '${method}'` });
    } else if (this.#bytesWaiting >= MOST_BYTES) {
      const message = `Calls and notifications of ${this.#bytesWaiting} bytes wait already`;
      this.#fail(incoming, { code: CODES.notBegun, message });
    } else {
      this.#wait({ incoming }, incoming);
    }
  }

  notification(method, params, handle) {
    if (method === BYE && this.onBye !== undefined) {
      closeHandle(handle);
      this.onBye();
      return;
    }
    const isFlooded = this.#notificationsWaiting >= MOST_NOTIFICATIONS || this.#bytesWaiting >= MOST_BYTES;
    if (!this.#settings.methods.has(method) || isFlooded) {
      this.#connection.machine.dropped += 1;
      closeHandle(handle);
      return;
    }
    this.#notificationsWaiting += 1;
    const notification = { method, params, handle, state: 'answered', isCancelled: false, weight: undefined };
    this.#wait({ notification }, notification);
  }

  cancelled(incoming) {
    if (incoming.state === 'waiting') {
      this.#leaves(incoming);
      this.#fail(incoming, { code: CODES.cancelled, message: `'${incoming.method}' was cancelled before it began` });
      incoming.params = undefined;
      this.#cancelledWaiting += 1;
      this.#removeCancelled();
      return;
    }
    const { context, sending } = this.#running.get(incoming) ?? {};
    if (context !== undefined) Context.abort(context);
    sending?.stop();
    for (const upload of incoming.uploads) upload.end();
  }

  credited(incoming) {
    this.#running.get(incoming)?.sending?.goOn();
  }

  // What waits

  /** Has something wait for its turn, which may come at once. */
  #wait(entry, one) {
    this.#waiting.push(entry);
    this.#pump();
    // Only of what stays, for it takes time.
    if (one.weight !== undefined) return;
    one.weight = weightOf(one.params);
    this.#bytesWaiting += one.weight;
  }

  /** Something waits no more. Until it is taken out of its place, it keeps nothing. */
  #leaves(one) {
    this.#bytesWaiting -= one.weight ?? 0;
    one.weight = 0;
  }

  // What runs

  /** Begins what may begin. A handler that ends at once comes here again, and finds somebody at it. */
  #pump() {
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (this.#head < this.#waiting.length) {
      const { incoming, notification } = this.#waiting[this.#head];
      if (incoming !== undefined && incoming.state !== 'waiting') {
        this.#cancelledWaiting -= 1;
        this.#shift();
        continue;
      }
      if (!this.#mayBegin(notification !== undefined)) break;
      this.#shift();
      this.#leaves(notification ?? incoming);
      if (notification !== undefined) this.#notify(notification);
      else if (this.#problem !== undefined) this.#fail(incoming, toWire(this.#problem, this.#settings.stacks));
      else this.#run(incoming);
    }
    this.#isPumping = false;
    if (this.#head === this.#waiting.length) this.#onIdle?.();
  }

  #mayBegin(isNotification) {
    if (this.#state === 'closed' || this.#isNotified || this.#connection.isFull) return false;
    const { ordered, concurrency } = this.#settings;
    if (ordered) return this.#running.size === 0;
    return isNotification || this.#running.size < concurrency;
  }

  /** A peer that calls and cancels behind a call that takes long would else make us keep all of it. */
  #removeCancelled() {
    const count = this.#cancelledWaiting;
    if (count < MOST_CANCELLED || count * 2 < this.#waiting.length - this.#head) return;
    const isLeft = ({ incoming }) => incoming === undefined || incoming.state === 'waiting';
    this.#waiting = this.#waiting.slice(this.#head).filter(isLeft);
    this.#head = 0;
    this.#cancelledWaiting = 0;
  }

  #shift() {
    this.#waiting[this.#head++] = undefined;
    if (this.#head === this.#waiting.length || this.#head === 1024) {
      this.#waiting.splice(0, this.#head);
      this.#head = 0;
    }
  }

  #run(incoming) {
    incoming.state = 'running';
    const context = new Context(this.#peer, this.#connection, incoming);
    this.#running.set(incoming, { context, sending: undefined });
    try {
      const { params, hasUploads } = incoming;
      const args = argumentsOf(hasUploads ? withUploads(params, incoming, this.#connection) : params);
      const result = this.#settings.methods.get(incoming.method)(...args, context);
      if (typeof result?.then === 'function') {
        // A promise of somebody else's may settle more than once.
        Promise.resolve(result).then(
          (value) => this.#completed(incoming, context, value),
          (error) => this.#thrown(incoming, error),
        );
      } else this.#completed(incoming, context, result);
    } catch (error) {
      this.#thrown(incoming, error);
    }
  }

  #completed(incoming, context, result) {
    let kind;
    try {
      kind = kindOf(result);
    } catch (error) {
      this.#thrown(incoming, error);
      return;
    }
    if (kind === 'stream') {
      const sending = new Sending(incoming, result, this.#connection, this.#settings.maxCollected);
      this.#running.set(incoming, { context, sending });
      sending.run().then(
        (collected) => this.#end(incoming, () => this.#answer(incoming, collected)),
        (error) => this.#thrown(incoming, error),
      );
    } else if (kind === 'with handle') {
      this.#end(incoming, () => this.#answerWithHandle(incoming, result));
    } else {
      this.#end(incoming, () => this.#answer(incoming, result));
    }
  }

  #thrown(incoming, error) {
    this.#end(incoming, () => {
      const message = `'${incoming.method}' was cancelled: ${textOf(error?.message ?? error)}`;
      if (incoming.isCancelled) this.#fail(incoming, { code: CODES.cancelled, message });
      else this.#fail(incoming, toWire(error, this.#settings.stacks));
    });
  }

  #end(incoming, answer) {
    const { context } = this.#running.get(incoming);
    this.#running.delete(incoming);
    closeHandle(Context.leftHandle(context));
    for (const upload of incoming.uploads) upload.end();
    answer();
    this.#pump();
  }

  #notify(notification) {
    const context = new Context(this.#peer, this.#connection, notification);
    const ended = (error) => {
      if (error !== undefined) {
        const text = `The notification '${notification.method}' has failed: ${textOf(error.stack ?? error)}`;
        process.emitWarning(coded(Error, 'ERR_CALL_NOTIFICATION', text));
      }
      closeHandle(Context.leftHandle(context));
    };
    this.#notificationsWaiting -= 1;
    try {
      const result = this.#settings.methods.get(notification.method)(...argumentsOf(notification.params), context);
      if (typeof result?.then !== 'function') {
        ended();
        return;
      }
      this.#isNotified = true;
      const settled = (error) => {
        this.#isNotified = false;
        ended(error);
        this.#pump();
      };
      // A promise of somebody else's may settle more than once.
      Promise.resolve(result).then(
        () => settled(),
        (error) => settled(error ?? 'it was rejected with nothing'),
      );
    } catch (error) {
      ended(error ?? 'it has thrown nothing');
    }
  }

  #answer(incoming, result, handle) {
    this.#connection.machine.answer(incoming, result, handle);
    this.#connection.schedule();
  }

  /** What is no end of ours would leave the handle open. */
  #answerWithHandle(incoming, { result, handle, toAnyPeer }) {
    if (toAnyPeer || this.#connection.machine.peerIsOurs) {
      this.#answer(incoming, result, handle);
      return;
    }
    closeHandle(handle);
    const message = 'The result has a handle, and the other side has not said that it takes handles';
    this.#fail(incoming, { code: CODES.internal, message });
  }

  #fail(incoming, error) {
    closeHandle(incoming.state === 'waiting' ? incoming.handle : undefined);
    this.#connection.machine.fail(incoming, error);
    this.#connection.schedule();
  }

  #refuse(incoming) {
    this.#fail(incoming, { code: CODES.notBegun, message: 'This worker is ending, and has not begun the call' });
  }
}

/** What a handler has returned. To look at it may throw: it can have getters, or be a proxy. */
function kindOf(result) {
  if (isStream(result)) return 'stream';
  return result instanceof WithHandle ? 'with handle' : 'value';
}

module.exports = { Runner };
