'use strict';

// One timer for everything that has a deadline: a timer for each call would cost a fifth of the rate.

const { clearTimeout, performance, setTimeout } = require('./globals.cjs');

/** Deadlines are looked at together if they are this close, in milliseconds. None is early. */
const STEP = 8;

class Deadlines {
  /** What is due in each step. */
  #due = new Map();
  #timer = undefined;
  #next = Number.POSITIVE_INFINITY;

  /** Calls `item.expire()` after `ms` milliseconds. Returns what `remove` takes. */
  add(item, ms, now = performance.now()) {
    const step = Math.ceil((now + ms) / STEP);
    const set = this.#due.get(step);
    if (set === undefined) {
      this.#due.set(step, new Set([item]));
      if (step < this.#next) this.#schedule(step, now);
    } else set.add(item);
    return step;
  }

  remove(item, step) {
    const set = this.#due.get(step);
    if (set?.delete(item) && set.size === 0) this.#due.delete(step);
  }

  /** The timer alone does not keep the process alive: that is the business of who waits. */
  #schedule(step, now) {
    clearTimeout(this.#timer);
    this.#next = step;
    const ms = Math.min(Math.max(step * STEP - now, 1), 2 ** 31 - 1);
    this.#timer = setTimeout(() => this.#look(), ms);
    this.#timer.unref?.();
  }

  #look() {
    const now = performance.now();
    const expired = [];
    let next = Number.POSITIVE_INFINITY;
    for (const [step, items] of this.#due) {
      if (step * STEP <= now) {
        this.#due.delete(step);
        expired.push(...items);
      } else if (step < next) next = step;
    }
    this.#next = Number.POSITIVE_INFINITY;
    if (next !== Number.POSITIVE_INFINITY) this.#schedule(next, now);
    for (const item of expired) item.expire();
  }
}

/** Those of this process. */
const deadlines = new Deadlines();

module.exports = { deadlines };
