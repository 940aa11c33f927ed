'use strict';

// Waiting: always for an event, always with a deadline that says what was waited for.

const { once } = require('node:events');

/** Long: it is waited out only by what fails, and the machine may be busy with something else. */
let patience = 60_000;

/** How long to wait for one event, in milliseconds. */
function setPatience(ms) {
  patience = ms;
}

/** `promise`, or a rejection that names `what` when it takes too long. */
function within(promise, what, ms = patience) {
  let timer;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`waited ${ms / 1000} s for ${typeof what === 'function' ? what() : what}`)),
      ms,
    );
  });
  const result = Promise.race([promise, deadline]).finally(() => clearTimeout(timer));
  result.catch(() => {}); // a scenario that fails before it awaits this one has one failure, not two
  return result;
}

/** The next `name` event of `emitter` as an array of its arguments; an 'error' event rejects. */
function event(emitter, name, what = `the event '${name}'`, ms = patience) {
  const stop = new AbortController();
  return within(once(emitter, name, { signal: stop.signal }), what, ms).finally(() => stop.abort());
}

/** For a state that nothing announces, such as another process's memory: asks until `check` says yes. */
async function until(check, what, ms = patience) {
  const end = Date.now() + ms;
  while (!(await check())) {
    if (Date.now() > end) throw new Error(`waited ${ms / 1000} s until ${typeof what === 'function' ? what() : what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

module.exports = { setPatience, within, event, until };
