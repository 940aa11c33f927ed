'use strict';

// Keeps running without a channel, and ignores the given signals.

for (const signal of process.argv.slice(2)) process.on(signal, () => {});
process.on('message', () => {});
setInterval(() => {}, 1000);
process.send('ready');
