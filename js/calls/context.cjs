'use strict';

const { AsyncResource } = require('node:async_hooks');
const { checkBoolean, checkOptions } = require('../checks.cjs');
const { CallAbortedError } = require('./errors.cjs');

/** A result that brings a handle. */
class WithHandle {
  constructor(result, handle, toAnyPeer) {
    this.result = result;
    this.handle = handle;
    this.toAnyPeer = toAnyPeer;
  }
}

/** What a handler knows of the call that it answers. */
class Context {
  #incoming;
  #connection;
  #controller;
  #resource;
  #tookHandle = false;

  constructor(peer, connection, incoming) {
    this.peer = peer;
    this.#connection = connection;
    this.#incoming = incoming;
    /** When the caller no longer waits, as Date.now() counts. */
    this.deadline = incoming.deadline === undefined ? undefined : Date.now() + incoming.deadline;
  }

  get method() {
    return this.#incoming.method;
  }

  get traceparent() {
    return this.#incoming.traceparent;
  }

  get isCancelled() {
    return this.#incoming.isCancelled;
  }

  /** Made when somebody asks: most handlers do not, and it costs half of a call. */
  get signal() {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      this.#resource = new AsyncResource('CrossforkCall');
      if (this.isCancelled) this.#abort();
    }
    return this.#controller.signal;
  }

  /** The handle that came with the call. Who asks for it owns it. */
  get handle() {
    this.#tookHandle = true;
    return this.#incoming.handle;
  }

  progress(value) {
    this.#connection.machine.report(this.#incoming, value);
    this.#connection.schedule();
  }

  withHandle(result, handle, options) {
    const { toAnyPeer = false } = checkOptions(options);
    return new WithHandle(result, handle, checkBoolean(toAnyPeer, 'options.toAnyPeer'));
  }

  /** For the runner: the peer has cancelled. */
  static abort(context) {
    context.#abort();
  }

  #abort() {
    if (this.#controller === undefined) return;
    const reason = new CallAbortedError(`'${this.method}' was cancelled by its caller`);
    this.#resource.runInAsyncScope(() => this.#controller.abort(reason));
  }

  /** The handle, if the handler has not asked for it. */
  static leftHandle(context) {
    return context.#tookHandle ? undefined : context.#incoming.handle;
  }
}

module.exports = { Context, WithHandle };
