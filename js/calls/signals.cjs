'use strict';

// Who waits for an AbortSignal. It has one listener of ours, however many calls it is given to: to add another one takes as long
// as there are, and some runtimes warn of many.

/** @type {WeakMap<AbortSignal, { all: Set<() => void>, listener: () => void }>} */
const watched = new WeakMap();

/** Calls back when the signal, which is not aborted yet, is. */
function watchSignal(signal, onAbort) {
  let watching = watched.get(signal);
  if (watching === undefined) {
    const all = new Set();
    const listener = () => {
      watched.delete(signal);
      for (const each of all) each();
    };
    watching = { all, listener };
    watched.set(signal, watching);
    signal.addEventListener('abort', listener, { once: true });
  }
  watching.all.add(onAbort);
}

/** It need not call back any more. */
function leaveSignal(signal, onAbort) {
  const watching = watched.get(signal);
  if (!watching?.all.delete(onAbort) || watching.all.size > 0) return;
  watched.delete(signal);
  signal.removeEventListener('abort', watching.listener);
}

module.exports = { leaveSignal, watchSignal };
