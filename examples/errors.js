'use strict';

// Errors on either side. The worker: echo_worker.rs
const { fork } = require('crossfork');
const { spawn } = require('node:child_process');
const { rust } = require('./rust.cjs');

// In Node: what cannot be started is thrown, with a code and a sentence.
try {
  fork('/no/such/program');
} catch (error) {
  console.log(`${error.code}: ${error.message}`); // ENOENT: Cannot fork '/no/such/program': there is no such file
}

// In Rust: this parent writes a line that is not JSON. The worker reports it, and goes on.
const worker = spawn(rust('echo_worker'), {
  env: { ...process.env, NODE_CHANNEL_FD: '3' },
  stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
});
const channel = worker.stdio[3];
channel.write('oops, no JSON\n"hello"\n');
channel.once('data', (line) => {
  console.log(`the worker answers ${String(line).trim()}`); // the worker answers "hello"
  channel.end();
});
