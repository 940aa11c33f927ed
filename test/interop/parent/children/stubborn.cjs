'use strict';

// Goes on without a channel, and ignores the signals that it is told.

for (const signal of process.argv.slice(2)) process.on(signal, () => {});
process.on('message', () => {});
setInterval(() => {}, 1000);
process.send('ready');
