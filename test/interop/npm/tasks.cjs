'use strict';

// The tasks of the workers of workerpool and jest-worker.

const tasks = {
  add: (a, b) => a + b,
  repeat: async (text, count) => text.repeat(count),
  whoami: () => process.pid,
  fail() {
    throw new TypeError('it failed on purpose');
  },
};

module.exports = tasks;
