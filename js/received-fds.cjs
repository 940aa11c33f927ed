'use strict';

// From the module, because Jest replaces the global function.
const { setImmediate } = require('node:timers');
const { makeDisposable } = require('./dispose.cjs');
const { arrived, discard, release } = require('./watch.cjs');

/** How many descriptors may wait to be closed before reading stops in this turn: a process's limit may be low. */
const MAX_UNTAKEN = 32;

/** The lists whose descriptors the listeners of this turn did not take all, and how many descriptors these are. */
const untaken = [];
let count = 0;

/** Reads of sockets that wait until those are closed. In order, because the kernel reports the same socket first each time. */
const waiting = [];

/**
 * The descriptors that came with a message. Code that takes one owns it and must close it. The others are closed at the
 * end of this turn of the event loop, or when a loop over the socket continues.
 */
class ReceivedFds {
  #fds;
  #held = false;
  #lost;

  constructor(fds, lost) {
    this.#fds = fds;
    this.#lost = lost;
  }

  /** How many descriptors can still be taken. */
  get length() {
    return this.#fds.length;
  }

  /** Whether descriptors were lost, because this process has reached its limit. */
  get lost() {
    return this.#lost;
  }

  /** Takes the next descriptor. Returns undefined if there is none. */
  take() {
    const fd = this.#fds.shift();
    if (fd !== undefined) release(fd);
    return fd;
  }

  takeAll() {
    return [...this];
  }

  /** Takes one descriptor at each step: `const [input, output] = fds` takes two. */
  *[Symbol.iterator]() {
    while (this.#fds.length > 0) yield this.take();
  }

  /** Closes the descriptors that were not taken. */
  close() {
    if (this.#fds.length > 0) discard(this.#fds.splice(0));
  }

  /**
   * Closes untaken descriptors after the listeners have returned: at the end of the turn and not at once, because code
   * that awaits `once(socket, 'message')` continues after the listeners.
   */
  static closeUnlessTaken(fds) {
    if (fds.#held || fds.length === 0) return;
    if (untaken.length === 0) setImmediate(closeUntaken);
    untaken.push(fds);
    count += fds.length;
  }

  /** Closes the untaken descriptors of several lists with one call. */
  static closeAll(list) {
    const fds = list.flatMap((one) => one.#fds.splice(0));
    if (fds.length > 0) discard(fds);
  }

  /** Leaves the closing to the caller. */
  static hold(fds) {
    fds.#held = true;
  }

  static arrived(lost) {
    return new ReceivedFds(arrived(), lost);
  }
}

makeDisposable(ReceivedFds.prototype, ReceivedFds.prototype.close);

/** Whether so many descriptors wait to be closed that nothing more must be read in this turn. */
function areTooManyUntaken() {
  return count >= MAX_UNTAKEN;
}

/** Calls `read` after they are closed, and after the reads that wait already. */
function whenFewUntaken(read) {
  waiting.push(read);
}

function closeUntaken() {
  count = 0;
  ReceivedFds.closeAll(untaken.splice(0));
  try {
    while (waiting.length > 0 && !areTooManyUntaken()) waiting.shift()();
  } finally {
    // If a listener threw, reads are left.
    if (waiting.length > 0 && untaken.length === 0) setImmediate(closeUntaken);
  }
}

const { closeUnlessTaken, hold } = ReceivedFds;

module.exports = { ReceivedFds, areTooManyUntaken, closeUnlessTaken, hold, whenFewUntaken };
