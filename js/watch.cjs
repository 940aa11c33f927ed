'use strict';

// A socket that native code owns, and waits for in the kernel (src/addon/wait.rs): this context is called when
// something has happened to the sockets that were armed.

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
 * Who owns which descriptor, in this thread: functions that tell whether they still do. Shared with other copies of this
 * package, whose native code does not know of ours.
 */
process[OWNERS] ??= new Map();
const owners = process[OWNERS];

/** Where the loop is libuv's, that waits. Bun and Deno have functions of libuv's names that are not to be called. */
const libuv = !process.versions.bun && !process.versions.deno;

/** What has happened: sockets' numbers and their events, in turn. */
const reports = new Uint32Array(128);

/** The number of this context, which is entered with its first socket. */
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
      // A listener's: the other sockets have their turn, and then it is as uncaught as any.
      process.nextTick(rethrow, error);
    }
  }
}

function rethrow(error) {
  throw error;
}

/** Two owners would close each other's descriptor, or a third's. */
function checkUnowned(fd) {
  if (owners.get(fd)?.()) throw owned(fd);
}

function owned(fd) {
  const error = systemError(EEXIST, 'open');
  const why = 'it belongs to another FdSocket or FdServer of this process, which closes it';
  error.message = `EEXIST: descriptor ${fd} cannot have a second owner: ${why}. Use that one, or give this one dup(${fd}).`;
  return error;
}

class Watch {
  #fd;
  #number;
  #isOpen = () => native().isOpenSocket(context, this.#number);
  #onReady;
  /** What happens to it happens where it was made, for AsyncLocalStorage, and not where the context was entered. */
  #scope = new AsyncResource('CROSSFORK', { requireManualDestroy: true });
  /** What was asked for, and what the kernel tells of: as long as it is so, and more than was asked for. */
  #wanted = 0;
  #armed = 0;
  #closed = false;
  #referred = true;
  #waiting = false;

  /**
   * Takes the descriptor over, and the path that it is bound to, if any, which is removed with it. `onReady` is called
   * with what it can be: readable, writable.
   */
  constructor(fd, onReady, path) {
    checkUnowned(fd);
    const number = native().openSocket(own(), fd, path);
    // Another thread's.
    if (number === EEXIST) throw owned(fd);
    this.#number = check(number, 'fcntl');
    this.#fd = fd;
    this.#onReady = onReady;
    owners.set(fd, this.#isOpen);
    watches.set(this.#number, this);
  }

  /** Has `onReady` called, once, when it can be read or written. Negative if that fails. */
  arm(events) {
    this.#wanted |= events;
    return (this.#armed & this.#wanted) === this.#wanted ? 0 : this.#tell(this.#wanted);
  }

  #tell(events) {
    this.#armed = events;
    return native().armSocket(context, this.#number, events);
  }

  report(events) {
    const wanted = this.#wanted;
    // An error or the end is for whoever asked for anything.
    const broken = (events & ~(READABLE | WRITABLE)) !== 0;
    const ready = broken ? wanted : events & wanted;
    // Nobody has asked again since the last time. Not told to the kernel before: most do ask again.
    if (ready === 0 || (events & this.#armed & ~wanted) !== 0) this.#tell(wanted);
    this.#wanted = wanted & ~ready;
    if (ready === 0) return;
    this.#scope.runInAsyncScope(this.#onReady, undefined, (ready & READABLE) !== 0, (ready & WRITABLE) !== 0);
  }

  /** Does something where the socket was made. */
  inScope(act) {
    this.#scope.runInAsyncScope(act);
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
    if (alive === (now ? 1 : 0)) native().keepAlive(context, now);
  }

  /** Closes the descriptor. Nothing is reported any longer. */
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

// Descriptors that belong to this context meanwhile: they are closed when it ends.

/** Those that the last read brought. */
const arrived = () => native().arrived(context);
/** The number of a duplicate, or a negative error number. */
const keepDup = (fd) => native().keepDup(context, fd);
/** It becomes the caller's. */
const release = (fd) => native().release(context, fd);
/** They are closed. */
const discard = (fds) => native().discard(context, fds);

module.exports = { READABLE, WRITABLE, Watch, arrived, checkUnowned, discard, keepDup, release };
