'use strict';

// Node gives work to Rust: `node examples/sum.js`. The worker is examples/sum.rs.
const { fork } = require('crossfork');
const { rust } = require('./rust.cjs');

const worker = fork(rust('sum'));
worker.on('message', (sum) => {
  console.log(`the sum is ${sum}`);
  worker.disconnect();
});
worker.on('exit', (code) => console.log(`the worker ended with exit code ${code}`));
worker.send([1, 2, 3.5]);
