'use strict';

// Several requests in flight, each with a promise of its answer. The worker: requests.rs
const { fork } = require('crossfork');
const { once } = require('node:events');
const { rust } = require('./rust.cjs');

function start() {
  const worker = fork(rust('requests'));
  const waiting = new Map(); // the promises of the requests in flight, by id
  let lastId = 0;

  function settle(id, error, result) {
    const { resolve, reject } = waiting.get(id) ?? {};
    if (!waiting.delete(id)) return; // settled before
    if (error) reject(error);
    else resolve(result);
  }
  worker.on('message', ({ id, result, error, code }) => {
    settle(id, error && Object.assign(new Error(error), { code }), result);
  });
  worker.on('exit', (code, signal) => {
    const error = new Error(`the worker exited with ${signal ?? `code ${code}`}`);
    for (const id of waiting.keys()) settle(id, error);
  });

  function request(below) {
    return new Promise((resolve, reject) => {
      const id = ++lastId;
      waiting.set(id, { resolve, reject });
      worker.send({ id, below }, (error) => error && settle(id, error)); // such as that the channel is closed
    });
  }
  return { worker, request };
}

async function main() {
  const { worker, request } = start();
  const counts = await Promise.all([request(100_000), request(1000), request(10)]);
  console.log(counts.join(', ')); // 9592, 168, 4
  await request('many').catch((error) => console.log(error.code)); // ERR_IPC_DECODE
  worker.disconnect(); // no request is in flight
  const [code] = await once(worker, 'exit');
  console.log(`the worker exited with code ${code}`); // the worker exited with code 0

  const other = start();
  const lost = other.request(1e12);
  other.worker.kill('SIGKILL');
  await lost.catch((error) => console.log(error.message)); // the worker exited with SIGKILL
}
main();
