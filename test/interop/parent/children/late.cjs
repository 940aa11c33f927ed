'use strict';

// Listens when something is said on standard input.

process.stdin.once('data', () => {
  process.on('message', (message) => process.send(message));
  process.stdin.destroy();
});
