'use strict';

const { EventEmitter } = require('node:events');
const { rmSync } = require('node:fs');
const { resolve } = require('node:path');
// From the module, because Jest replaces the global function.
const { setTimeout } = require('node:timers');
const { checkFunction, checkInteger, checkOptions, checkPath, checkWord, MAX_INT } = require('./checks.cjs');
const { makeDisposable } = require('./dispose.cjs');
const { check, systemError, wrongValue } = require('./errors.cjs');
const { checkSocketOptions, FdSocket } = require('./fd-socket.cjs');
const { native } = require('./load.cjs');
const { TYPES, wouldBlock } = require('./passing.cjs');
const { READABLE, Watch } = require('./watch.cjs');

/** How many connections are accepted before other sockets get a turn. */
const TURN = 64;

/** EMFILE and ENFILE: no descriptor is free. The connections wait, and accept is tried again later. */
const FULL = new Set([-24, -23]);
const TRY_AGAIN_MS = 100;

/** Listens at a path. Emits 'connection' with an FdSocket, 'error' and 'close'. Owns the path and removes it. */
class FdServer extends EventEmitter {
  #path;
  #fd;
  #watch;
  #socketOptions;
  #full = false;
  #closed = false;
  /** Whether 'close' was emitted. */
  #over = false;

  constructor(path, options) {
    super();
    const { type = 'stream', backlog = 511, ...socketOptions } = checkOptions(options);
    const place = checkWord(type, 'options.type', TYPES);
    if (type === 'dgram') throw wrongValue('options.type', type, 'must be a type with connections');
    checkInteger(backlog, 'options.backlog', 0, MAX_INT);
    this.#socketOptions = checkSocketOptions(socketOptions);
    this.#fd = check(native().bind(checkPath(path), place, backlog), 'bind', { path });
    this.#path = path;
    // Absolute, because the process may change its working directory.
    const file = path.startsWith('\0') ? undefined : resolve(path);
    try {
      this.#watch = handOver(this.#fd, (fd) => new Watch(fd, () => this.#accept(), file));
    } catch (error) {
      if (file !== undefined) rmSync(file, { force: true });
      throw error;
    }
    this.#watch.waiting = true;
    this.#wait();
  }

  /** The descriptor, while the server listens. */
  get fd() {
    return this.#closed ? undefined : this.#fd;
  }

  /** Returns the path that it listens at, or null if it is closed. */
  address() {
    return this.#closed ? null : this.#path;
  }

  get listening() {
    return !this.#closed;
  }

  /** Stops listening. Accepted connections stay open. */
  close(callback) {
    if (callback !== undefined) this.#whenClosed(checkFunction(callback, 'callback'));
    if (this.#closed) return this;
    this.#closed = true;
    this.#watch.close();
    process.nextTick(() => {
      this.#over = true;
      this.emit('close');
    });
    return this;
  }

  #whenClosed(callback) {
    if (this.#over) process.nextTick(callback);
    else this.once('close', callback);
  }

  ref() {
    this.#watch.referred = true;
    return this;
  }

  unref() {
    this.#watch.referred = false;
    return this;
  }

  #accept() {
    try {
      for (let left = TURN; left > 0 && !this.#closed; left--) {
        const fd = this.#watch.accept();
        if (wouldBlock(fd)) return;
        if (FULL.has(fd)) return this.#acceptLater();
        if (fd < 0) return this.#fail(systemError(fd, 'accept'));
        this.emit('connection', socketOf(fd, this.#socketOptions));
      }
    } finally {
      this.#wait();
    }
  }

  #acceptLater() {
    this.#full = true;
    setTimeout(() => {
      this.#full = false;
      this.#accept();
    }, TRY_AGAIN_MS).unref();
  }

  #wait() {
    if (this.#closed || this.#full) return;
    const result = this.#watch.arm(READABLE);
    if (result < 0) this.#fail(systemError(result, 'epoll_ctl'));
  }

  #fail(error) {
    this.close();
    this.emit('error', error);
  }
}

makeDisposable(
  FdServer.prototype,
  function () {
    this.close();
  },
  function () {
    return new Promise((resolve) => this.close(resolve));
  },
);

/** Calls a function that takes ownership of a new descriptor. Closes the descriptor if that fails. */
function handOver(fd, take) {
  try {
    return take(fd);
  } catch (error) {
    native().close(fd);
    throw error;
  }
}

const socketOf = (number, options) => handOver(number, (fd) => new FdSocket(fd, options));

/** Creates a server that listens at a path. Listens at once, and throws if that fails. */
function createFdServer(path, options, listener) {
  if (typeof options === 'function') return createFdServer(path, undefined, options);
  if (listener !== undefined) checkFunction(listener, 'listener');
  const server = new FdServer(path, options);
  return listener ? server.on('connection', listener) : server;
}

/** Connects to a path. Unix sockets connect at once; throws if that fails. */
function connect(path, options) {
  const { type = 'stream', ...rest } = checkOptions(options);
  const place = checkWord(type, 'options.type', TYPES);
  const socketOptions = checkSocketOptions(rest);
  return socketOf(check(native().connect(checkPath(path), place), 'connect', { path }), socketOptions);
}

module.exports = { FdServer, connect, createFdServer };
