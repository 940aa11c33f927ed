'use strict';

const { arrived, discard, release } = require('./watch.cjs');

/**
 * The descriptors that came with a message. One that is taken is the taker's, who closes it; the others are closed
 * when the listeners have returned, or when a loop over the socket goes on.
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

  /** As the listeners have returned. */
  static closeUnlessHeld(fds) {
    if (!fds.#held) fds.close();
  }

  /** Whoever holds them closes them. */
  static hold(fds) {
    fds.#held = true;
  }

  static arrived(lost) {
    return new ReceivedFds(arrived(), lost);
  }
}

const { closeUnlessHeld, hold } = ReceivedFds;

module.exports = { ReceivedFds, closeUnlessHeld, hold };
