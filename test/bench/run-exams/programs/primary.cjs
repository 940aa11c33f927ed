'use strict';

// A primary as everybody writes it with Node's cluster: <program> <workers> <milliseconds until a worker is killed>.

const cluster = require('node:cluster');

const [exec, count, patience] = process.argv.slice(2);
let stopping = false;

cluster.setupPrimary({ exec, args: [] });
for (let i = 0; i < Number(count); i++) cluster.fork();

// A message to a worker that was just killed fails.
cluster.on('fork', (worker) => worker.on('error', () => {}));
cluster.on('exit', (worker) => {
  if (!worker.exitedAfterDisconnect) cluster.fork();
});

process.on('SIGTERM', () => {
  stopping = true;
  Object.values(cluster.workers).forEach(retire);
});

process.on('SIGHUP', async () => {
  for (const old of Object.values(cluster.workers)) {
    await listening(cluster.fork());
    if (stopping) return;
    retire(old);
  }
});

function retire(worker) {
  worker.disconnect();
  setTimeout(() => worker.process.kill('SIGKILL'), Number(patience)).unref();
}

const listening = (worker) => new Promise((resolve) => worker.once('listening', resolve));
