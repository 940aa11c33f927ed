'use strict';

const { clearInterval, setInterval } = require('./globals.cjs');

/** As long as somebody waits for something, the process stays alive; the workers alone do not keep it. */
class KeepAlive {
  #timer = undefined;
  #count = 0;
  #isWanted = true;

  get count() {
    return this.#count;
  }

  add() {
    this.#count += 1;
    if (this.#count === 1) this.#update();
  }

  remove() {
    this.#count -= 1;
    if (this.#count === 0) this.#update();
  }

  want(isWanted) {
    this.#isWanted = isWanted;
    this.#update();
  }

  close() {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #update() {
    // A timer that is kept, for to make one costs more than to change it.
    if (this.#count > 0 && this.#isWanted) {
      if (this.#timer === undefined) this.#timer = setInterval(() => {}, 2 ** 31 - 1);
      else this.#timer.ref();
    } else this.#timer?.unref();
  }
}

module.exports = { KeepAlive };
