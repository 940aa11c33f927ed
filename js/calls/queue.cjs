'use strict';

/**
 * Calls that wait: those of a higher priority first, and among equals the oldest. A heap in which the order of arrival
 * costs nothing. Who is no longer waiting is passed over.
 */
class Queue {
  #heap = [];
  #gone = 0;

  push(call) {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(call);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(call, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = call;
  }

  /** The first one that still waits. */
  peek() {
    while (this.#heap.length > 0 && this.#heap[0].state !== 'waiting') {
      this.#shift();
      this.#gone -= 1;
    }
    return this.#heap[0];
  }

  shift() {
    const first = this.peek();
    if (first !== undefined) this.#shift();
    return first;
  }

  /** A call of this queue is no longer waiting. */
  left() {
    this.#gone += 1;
    if (this.#gone < 64 || this.#gone * 2 < this.#heap.length) return;
    const waiting = this.#heap.filter(({ state }) => state === 'waiting');
    this.#heap = [];
    this.#gone = 0;
    for (const call of waiting) this.push(call);
  }

  *[Symbol.iterator]() {
    for (const call of [...this.#heap]) if (call.state === 'waiting') yield call;
  }

  #shift() {
    const heap = this.#heap;
    const last = heap.pop();
    const { length } = heap;
    if (length === 0) return;
    let at = 0;
    while (true) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && isBefore(heap[child + 1], heap[child])) child += 1;
      if (!isBefore(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a, b) {
  return a.priority === b.priority ? a.order < b.order : a.priority > b.priority;
}

/** Which of two, either of which may be missing, comes first. */
function firstOf(a, b) {
  if (a === undefined || b === undefined) return a ?? b;
  return isBefore(a, b) ? a : b;
}

module.exports = { firstOf, Queue };
