'use strict';

// The protocol by hand: what child_process.fork() does, in a few lines. `node examples/by_hand.js`
const { spawn } = require('node:child_process');
const { rust } = require('./rust.cjs');

const worker = spawn(rust('sum'), {
  env: { ...process.env, NODE_CHANNEL_FD: '3', NODE_CHANNEL_SERIALIZATION_MODE: 'json' },
  stdio: ['ignore', 'inherit', 'inherit', 'pipe'], // descriptor 3 is one end of a pair of Unix sockets
});
const channel = worker.stdio[3];
channel.write('[1,2,3.5]\n'); // a message
channel.once('data', (bytes) => {
  console.log(`the worker wrote ${JSON.stringify(String(bytes))}`);
  channel.end(); // disconnect
});
worker.on('exit', (code) => console.log(`and ended with exit code ${code}`));
