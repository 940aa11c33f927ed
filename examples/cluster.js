'use strict';

// Node's own cluster, whose workers are a web application in Rust: examples/cluster_worker.rs.
//
//   node examples/cluster.js            serve until Ctrl-C (PORT=8080 for another port)
//   node examples/cluster.js --once     make a dozen requests, say who answered, stop

const cluster = require('node:cluster');
const http = require('node:http');
const { rust } = require('./rust.cjs');

const ONCE = process.argv.includes('--once');
const HOST = '127.0.0.1';
const PORT = Number(process.env.PORT ?? 8000);

// cluster.fork() runs process.execPath, and passes it the name of a module, which is an address for our program.
cluster.setupPrimary({ exec: `${HOST}:${PORT}`, args: [], execArgv: [] });
process.execPath = rust('cluster_worker');

let stopping = false;
let listening = 0;
cluster.on('listening', async (_, { port }) => {
  if (++listening !== 2) return;
  const pids = Object.values(cluster.workers).map((worker) => worker.process.pid);
  console.log(`http://${HOST}:${port}/ is served by ${pids.join(' and ')}`);
  if (!ONCE) return;
  for (let i = 1; i <= 12; i++) console.log(`request ${i}: ${(await get(port)).trim()}`);
  stop();
});

// A worker may die while something is written to it. That is no more than its end.
cluster.on('fork', (worker) => worker.on('error', () => {}));

cluster.on('exit', ({ process: { pid }, exitedAfterDisconnect }, code, signal) => {
  console.log(`worker ${pid}: ended with ${signal ?? `exit code ${code}`}`);
  if (stopping || exitedAfterDisconnect) return;
  if (listening < 2) process.exit(1); // it has said why
  cluster.fork();
});

cluster.fork();
cluster.fork();

// The workers answer the requests in flight, and end; without workers, so does this process.
function stop() {
  if (!stopping) cluster.disconnect();
  stopping = true;
}
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, stop);

function get(port) {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: HOST, port, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text) => {
        body += text;
      });
      response.on('end', () => resolve(body));
    });
    request.on('error', reject);
  });
}
