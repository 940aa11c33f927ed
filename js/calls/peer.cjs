'use strict';

const { EventEmitter } = require('node:events');
const { checkString } = require('../checks.cjs');
const { makeDisposable } = require('../dispose.cjs');
const { coded } = require('../errors.cjs');
const { Call } = require('./call.cjs');
const { callOptions, NOTIFY_CHECKS } = require('./call-options.cjs');
const { callable } = require('./callable.cjs');
const { Connection, isNode } = require('./connection.cjs');
const { diedError, watchEnd } = require('./ending.cjs');
const { CallError } = require('./errors.cjs');
const { process } = require('./globals.cjs');
const { closeHandle } = require('./handles.cjs');
const { proxyOf } = require('./methods.cjs');
const { Runner } = require('./runner.cjs');
const { HELLO } = require('./wire.cjs');

/** Each process that has a peer already: two would answer the same calls. */
const connected = new WeakSet();

/**
 * The other end of a channel, whose methods can be called and who calls ours. Events: 'message' (message, handle) for
 * what is no call, 'close' (how it ended) when the channel is gone.
 */
class Peer extends EventEmitter {
  #connection;
  #runner;
  #target;
  #end = { exitCode: null, signal: null };

  /**
   * @param {NodeJS.Process | import('node:child_process').ChildProcess} target
   * @param {import('./runner.cjs').Settings} settings
   */
  constructor(target, settings) {
    super();
    if (connected.has(target)) {
      throw coded(
        Error,
        'ERR_INVALID_STATE',
        'This channel has calls already: serve or connectCalls was called before',
      );
    }
    connected.add(target);
    this.#target = target;
    this.#runner = new Runner(settings, this);
    this.#connection = new Connection(target, this.#runner, (message, handle) => {
      // Where nobody listens nobody takes it.
      if (!this.emit('message', message, handle)) closeHandle(handle);
    });
    this.#runner.attach(this.#connection);
    watchEnd(
      target,
      () => this.#markLost(),
      (end) => this.#closed(end),
    );
    this.call = callable((...args) => this.#begin(this.#make(...args), 'promise'));
    this.stream = callable((...args) => this.#begin(this.#make(...args), 'stream'));
    this.notify = callable((...args) => this.#notify(...args));
  }

  /** For serve and the pool. */
  static partsOf(peer) {
    return { connection: peer.#connection, runner: peer.#runner };
  }

  /** Waits until the other side is ready, and says what it offers. Only ends of ours say something. */
  async ready(options) {
    try {
      const { concurrency = 1, methods } = Object(await this.call(HELLO, undefined, options));
      return { concurrency, methods };
    } catch (error) {
      if (error.rpcCode !== undefined && error.code === 'ERR_CALL_UNKNOWN_METHOD') return { concurrency: 1 };
      throw error;
    }
  }

  /** The other side's methods as an object. */
  methods() {
    return proxyOf((method, params, options) => this.call(method, params, options));
  }

  get connected() {
    return this.#connection.isOpen;
  }

  /** How many of our calls have no answer yet. */
  get inFlight() {
    return this.#connection.machine.inFlight;
  }

  /** Closes the channel. What has no answer is rejected. */
  close() {
    this.#connection.flush();
    this.#connection.disconnect();
  }

  #make(method, params, options) {
    return new Call(this, checkString(method, 'method'), params, callOptions(options));
  }

  #begin(call, what) {
    const result = call[what]();
    if (call.isSettled) return result;
    if (this.#connection.isOpen) this.#connection.hand(call);
    else call.lost(this.#end);
    return result;
  }

  #notify(method, params, options) {
    const { handle, handleToAnyPeer } = callOptions(options, NOTIFY_CHECKS);
    this.#connection.notify(checkString(method, 'method'), params, handle, handleToAnyPeer);
  }

  /** In Node, what the channel has not taken when it closes was never sent. Later all is called taken. */
  #markLost() {
    if (!isNode) return;
    for (const call of this.#connection.machine.calls) call.isLost = !call.isWritten;
  }

  #closed(end) {
    this.#end = end;
    for (const call of this.#connection.end()) call.lost(end);
    this.emit('close', end);
  }

  // From its calls

  settled() {}

  released() {}

  notBegun() {
    return false;
  }

  abandon(call) {
    if (call.state === 'sent') this.#connection.cancel(call);
  }

  lost(call, end) {
    const message = `'${call.method}' has no answer: the parent has closed the channel`;
    call.reject(this.#target === process ? new CallError(message, 'ERR_CALL_DISCONNECTED') : diedError(call, end));
  }
}

makeDisposable(Peer.prototype, function now() {
  this.close();
});

module.exports = { Peer };
