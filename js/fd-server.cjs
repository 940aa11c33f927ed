'use strict';

const { EventEmitter } = require('node:events');
const { rmSync } = require('node:fs');
const { resolve } = require('node:path');
// Of the module, for Jest replaces the global one.
const { setTimeout } = require('node:timers');
const { checkFunction, checkInteger, checkOptions, checkPath, checkWord, MAX_INT } = require('./checks.cjs');
const { makeDisposable } = require('./dispose.cjs');
const { check, systemError, wrongValue } = require('./errors.cjs');
const { checkSocketOptions, FdSocket } = require('./fd-socket.cjs');
const { native } = require('./load.cjs');
const { TYPES, wouldBlock } = require('./passing.cjs');
const { READABLE, Watch } = require('./watch.cjs');

/** How many connections are accepted before it is others' turn. */
const TURN = 64;

/** EMFILE and ENFILE: no descriptor is free. They wait, and it is tried again then. */
const FULL = new Set([-24, -23]);
const TRY_AGAIN_MS = 100;

/** Listens at a path. Emits 'connection' with an FdSocket, 'error' and 'close'. It owns the path, and removes it. */
class FdServer extends EventEmitter {
  #path;
  #fd;
  #watch;
  #socketOptions;
  #full = false;
  #closed = false;
  /** 'close' was emitted. */
  #over = false;

  constructor(path, options) {
    super();
    const { type = 'stream', backlog = 511, ...socketOptions } = checkOptions(options);
    const place = checkWord(type, 'options.type', TYPES);
    if (type === 'dgram') throw wrongValue('options.type', type, 'must have connections, which datagrams have not');
    checkInteger(backlog, 'options.backlog', 0, MAX_INT);
    this.#socketOptions = checkSocketOptions(socketOptions);
    this.#fd = check(native().bind(checkPath(path), place, backlog), 'bind', { path });
    this.#path = path;
    // As it is wherever this process goes.
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

  /** The number of its descriptor, while it listens. */
  get fd() {
    return this.#closed ? undefined : this.#fd;
  }

  /** The path that it listens at. */
  address() {
    return this.#closed ? null : this.#path;
  }

  get listening() {
    return !this.#closed;
  }

  /** Stops listening. Connections that were accepted go on. */
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
        if (FULL.has(fd)) return this.#rest();
        if (fd < 0) return this.#fail(systemError(fd, 'accept'));
        this.emit('connection', socketOf(fd, this.#socketOptions));
      }
    } finally {
      this.#wait();
    }
  }

  #rest() {
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

/** What takes a descriptor over that nobody else knows of: it is closed if that fails. */
function handOver(fd, take) {
  try {
    return take(fd);
  } catch (error) {
    native().close(fd);
    throw error;
  }
}

const socketOf = (number, options) => handOver(number, (fd) => new FdSocket(fd, options));

/** Listens at a path, at once: what fails is thrown. */
function createFdServer(path, options, listener) {
  if (typeof options === 'function') return createFdServer(path, undefined, options);
  if (listener !== undefined) checkFunction(listener, 'listener');
  const server = new FdServer(path, options);
  return listener ? server.on('connection', listener) : server;
}

/** Connects, at once, as Unix sockets do: what fails is thrown. */
function connect(path, options) {
  const { type = 'stream', ...rest } = checkOptions(options);
  const place = checkWord(type, 'options.type', TYPES);
  const socketOptions = checkSocketOptions(rest);
  return socketOf(check(native().connect(checkPath(path), place), 'connect', { path }), socketOptions);
}

module.exports = { FdServer, connect, createFdServer };
