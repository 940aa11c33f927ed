'use strict';

// A socket that native code owns, and waits for in the kernel: one thread for all contexts of the process
// (src/addon/reactor.rs), which calls this context when something has happened to sockets that were armed.

const { AsyncResource } = require('node:async_hooks');
const { check } = require('./errors.cjs');
const native = require('./load.cjs');

const READABLE = 1; // EPOLLIN
const WRITABLE = 4; // EPOLLOUT

let context;
const watches = new Map();
let alive = 0;

/** The number of this context, which is entered with its first socket. */
function own() {
  context ??= check(native.openContext(onNotice), 'epoll_create1');
  return context;
}

function onNotice() {
  const reports = native.reports(context);
  for (let i = 0; i < reports.length; i += 2) {
    try {
      watches.get(reports[i])?.report(reports[i + 1]);
    } catch (error) {
      // A listener's: the other sockets have their turn, and then it is as uncaught as any.
      process.nextTick(rethrow, error);
    }
  }
}

function rethrow(error) {
  throw error;
}

class Watch {
  #number;
  #onReady;
  /** What happens to it happens where it was made, for AsyncLocalStorage, and not where the context was entered. */
  #scope = new AsyncResource('CROSSFORK', { requireManualDestroy: true });
  #armed = 0;
  #closed = false;
  #referred = true;
  #waiting = false;

  /** Takes the descriptor over. `onReady` is called with what it can be: readable, writable. */
  constructor(fd, onReady) {
    this.#number = check(native.openSocket(own(), fd), 'fcntl');
    this.#onReady = onReady;
    watches.set(this.#number, this);
  }

  /** Has `onReady` called, once, when it can be read or written. Negative if that fails. */
  arm(events) {
    if ((this.#armed & events) === events) return 0;
    this.#armed |= events;
    return native.armSocket(context, this.#number, this.#armed);
  }

  report(events) {
    const armed = this.#armed;
    this.#armed = 0;
    // An error or the end is for whoever asked for anything.
    const broken = (events & ~(READABLE | WRITABLE)) !== 0;
    const readable = (armed & READABLE) !== 0 && (broken || (events & READABLE) !== 0);
    const writable = (armed & WRITABLE) !== 0 && (broken || (events & WRITABLE) !== 0);
    // What was asked for and did not happen is still wanted.
    const left = (readable ? 0 : armed & READABLE) | (writable ? 0 : armed & WRITABLE);
    if (left !== 0) this.arm(left);
    this.#scope.runInAsyncScope(this.#onReady, undefined, readable, writable);
  }

  /** Keeps the process alive while it is set, unless the socket is unreferenced. */
  set waiting(on) {
    this.#count(on, this.#referred);
  }

  set referred(on) {
    this.#count(this.#waiting, on);
  }

  #count(waiting, referred) {
    const before = this.#waiting && this.#referred;
    this.#waiting = waiting;
    this.#referred = referred;
    const now = waiting && referred;
    if (before === now) return;
    alive += now ? 1 : -1;
    if (alive === (now ? 1 : 0)) native.keepAlive(context, now);
  }

  /** Closes the descriptor. Nothing is reported any longer. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.waiting = false;
    this.#scope.emitDestroy();
    watches.delete(this.#number);
    native.closeSocket(context, this.#number);
  }

  read(buffer) {
    return native.readSocket(context, this.#number, buffer);
  }

  write(bytes, offset, fds) {
    return native.writeSocket(context, this.#number, bytes, offset, fds);
  }

  end() {
    return native.endSocket(context, this.#number);
  }

  accept() {
    return native.acceptSocket(context, this.#number);
  }

  get peer() {
    return native.peerOfSocket(context, this.#number);
  }
}

// Descriptors that belong to this context meanwhile: they are closed when it ends.

/** Those that the last read brought. */
const arrived = () => native.arrived(context);
/** The number of a duplicate, or a negative error number. */
const keepDup = (fd) => native.keepDup(context, fd);
/** It becomes the caller's. */
const release = (fd) => native.release(context, fd);
/** They are closed. */
const discard = (fds) => native.discard(context, fds);

module.exports = { READABLE, WRITABLE, Watch, arrived, discard, keepDup, release };
