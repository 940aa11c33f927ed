'use strict';

// Of the module, for Jest replaces the global one.
const { setImmediate } = require('node:timers');
const { makeDisposable } = require('./dispose.cjs');
const { arrived, discard, release } = require('./watch.cjs');

/** So many may wait to be closed before nothing more is read in this turn: a process may have few. */
const MOST_UNTAKEN = 32;

/** Those that the listeners of this turn have not taken, and how many descriptors they had. */
const untaken = [];
let count = 0;

/** The reads of sockets that wait for them to be closed, in turn: who is told first by the kernel is so each time. */
const waiting = [];

/**
 * The descriptors that came with a message. One that is taken is the taker's, who closes it; the others are closed
 * at the end of this turn of the event loop, or when a loop over the socket goes on.
 */
class ReceivedFds {
  #fds;
  #held = false;
  #lost;

  constructor(fds, lost) {
    this.#fds = fds;
    this.#lost = lost;
  }

  /** How many can still be taken. */
  get length() {
    return this.#fds.length;
  }

  /** Whether some did not make it, for this process may not have more. */
  get lost() {
    return this.#lost;
  }

  /** Takes the next one; undefined if there is none. */
  take() {
    const fd = this.#fds.shift();
    if (fd !== undefined) release(fd);
    return fd;
  }

  takeAll() {
    return [...this];
  }

  /** Takes one with each step: `const [input, output] = fds` takes two. */
  *[Symbol.iterator]() {
    while (this.#fds.length > 0) yield this.take();
  }

  /** Closes those that were not taken. */
  close() {
    if (this.#fds.length > 0) discard(this.#fds.splice(0));
  }

  /**
   * As the listeners have returned: at the end of the turn, and not at once, for whoever awaits `once(socket, 'message')`
   * goes on behind the listeners.
   */
  static closeUnlessTaken(fds) {
    if (fds.#held || fds.length === 0) return;
    if (untaken.length === 0) setImmediate(closeUntaken);
    untaken.push(fds);
    count += fds.length;
  }

  /** Those that were not taken, with one call. */
  static closeAll(list) {
    const fds = list.flatMap((one) => one.#fds.splice(0));
    if (fds.length > 0) discard(fds);
  }

  /** Whoever holds them closes them. */
  static hold(fds) {
    fds.#held = true;
  }

  static arrived(lost) {
    return new ReceivedFds(arrived(), lost);
  }
}

makeDisposable(ReceivedFds.prototype, ReceivedFds.prototype.close);

/** So many wait to be closed that nothing more is to be read in this turn. */
function areTooManyUntaken() {
  return count >= MOST_UNTAKEN;
}

/** Has a socket read when they are closed, behind those that wait already. */
function whenFewUntaken(read) {
  waiting.push(read);
}

function closeUntaken() {
  count = 0;
  ReceivedFds.closeAll(untaken.splice(0));
  try {
    while (waiting.length > 0 && !areTooManyUntaken()) waiting.shift()();
  } finally {
    // A listener has thrown.
    if (waiting.length > 0 && untaken.length === 0) setImmediate(closeUntaken);
  }
}

const { closeUnlessTaken, hold } = ReceivedFds;

module.exports = { ReceivedFds, areTooManyUntaken, closeUnlessTaken, hold, whenFewUntaken };
