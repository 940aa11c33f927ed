'use strict';

// What is used of the runtime, as it is when this is loaded: handlers, and tests with a clock of their own, replace globals.
module.exports = {
  clearInterval,
  clearTimeout,
  performance,
  process,
  queueMicrotask,
  setImmediate,
  setInterval,
  setTimeout,
};
