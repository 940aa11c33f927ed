'use strict';

// A socket that native code owns and polls (src/addon/wait.rs). Native code calls this context when an armed socket has
// an event.

const { AsyncResource } = require('node:async_hooks');
const { check, systemError } = require('./errors.cjs');
const { native } = require('./load.cjs');

const READABLE = 1; // EPOLLIN
const WRITABLE = 4; // EPOLLOUT

const OWNERS = Symbol.for('crossfork.owners');
const EEXIST = -17;

let context;
const watches = new Map();
let alive = 0;

/**
 * The owners of descriptors in this thread, as functions that return whether they still own it. Shared with other copies
 * of this package, because their native code does not share its state.
 */
process[OWNERS] ??= new Map();
const owners = process[OWNERS];

/** Whether libuv's event loop polls. Bun and Deno export functions of libuv's names that must not be called. */
const libuv = !process.versions.bun && !process.versions.deno;

/** Pairs of socket number and events. */
const reports = new Uint32Array(128);

/** Returns the number of this context. Opens the context for its first socket. */
function own() {
  context ??= check(native().openContext(onNotice, libuv), 'epoll_create1');
  return context;
}

function onNotice() {
  const count = native().reports(context, reports);
  for (let i = 0; i < count; i += 2) {
    try {
      watches.get(reports[i])?.report(reports[i + 1]);
    } catch (error) {
      // A listener threw. The other sockets get their turn first; then the error is an uncaught exception.
      process.nextTick(rethrow, error);
    }
  }
}

function rethrow(error) {
  throw error;
}

/** Checks that a descriptor has no owner. With two owners, one would close a descriptor that is not its own any more. */
function checkUnowned(fd) {
  if (owners.get(fd)?.()) throw owned(fd);
}

function owned(fd) {
  const error = systemError(EEXIST, 'open');
  const why = 'another FdSocket or FdServer of this process owns it and will close it';
  error.message = `EEXIST: descriptor ${fd} cannot have a second owner: ${why}. Use that object, or pass dup(${fd}) here.`;
  return error;
}

class Watch {
  #fd;
  #number;
  #isOpen = () => native().isOpenSocket(context, this.#number);
  #onReady;
  /** For AsyncLocalStorage: events run in the async context where the socket was created. */
  #scope = new AsyncResource('CROSSFORK', { requireManualDestroy: true });
  /** The requested events, and the events that the kernel reports (level-triggered), which may be more. */
  #wanted = 0;
  #armed = 0;
  #closed = false;
  #referred = true;
  #waiting = false;

  /**
   * Takes ownership of a descriptor and of the path that it is bound to, if any, which is removed at the close. Calls
   * `onReady(readable, writable)`.
   */
  constructor(fd, onReady, path) {
    checkUnowned(fd);
    const number = native().openSocket(own(), fd, path);
    // A socket of another thread owns it.
    if (number === EEXIST) throw owned(fd);
    this.#number = check(number, 'fcntl');
    this.#fd = fd;
    this.#onReady = onReady;
    owners.set(fd, this.#isOpen);
    watches.set(this.#number, this);
  }

  /** Calls `onReady` once, when the socket is readable or writable. Returns a negative error number if that fails. */
  arm(events) {
    this.#wanted |= events;
    return (this.#armed & this.#wanted) === this.#wanted ? 0 : this.#update(this.#wanted);
  }

  #update(events) {
    this.#armed = events;
    return native().armSocket(context, this.#number, events);
  }

  report(events) {
    const wanted = this.#wanted;
    // An error or a hang-up is reported as all requested events.
    const broken = (events & ~(READABLE | WRITABLE)) !== 0;
    const ready = broken ? wanted : events & wanted;
    // An event was reported again that is no longer requested. Disarmed only now, because most are requested again.
    if (ready === 0 || (events & this.#armed & ~wanted) !== 0) this.#update(wanted);
    this.#wanted = wanted & ~ready;
    if (ready === 0) return;
    this.#scope.runInAsyncScope(this.#onReady, undefined, (ready & READABLE) !== 0, (ready & WRITABLE) !== 0);
  }

  /** Runs a function in the async context where the socket was created. */
  inScope(act) {
    this.#scope.runInAsyncScope(act);
  }

  /** Keeps the process alive while set, unless the socket is unreferenced. */
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
    if (alive === (now ? 1 : 0)) native().keepAlive(context, now);
  }

  /** Closes the descriptor. No more events are reported. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.waiting = false;
    this.#scope.emitDestroy();
    watches.delete(this.#number);
    if (owners.get(this.#fd) === this.#isOpen) owners.delete(this.#fd);
    native().closeSocket(context, this.#number);
  }

  read(buffer) {
    return native().readSocket(context, this.#number, buffer);
  }

  write(bytes, offset, fds) {
    return native().writeSocket(context, this.#number, bytes, offset, fds);
  }

  end() {
    return native().endSocket(context, this.#number);
  }

  accept() {
    return native().acceptSocket(context, this.#number);
  }

  get peer() {
    return native().peerOfSocket(context, this.#number);
  }
}

// Descriptors that this context owns for a while. They are closed when it ends.

/** Returns the descriptors of the last read. */
const arrived = () => native().arrived(context);
/** Returns the number of a duplicate, or a negative error number. */
const keepDup = (fd) => native().keepDup(context, fd);
/** Passes ownership of a descriptor to the caller. */
const release = (fd) => native().release(context, fd);
/** Closes descriptors. */
const discard = (fds) => native().discard(context, fds);

module.exports = { READABLE, WRITABLE, Watch, arrived, checkUnowned, discard, keepDup, release };
