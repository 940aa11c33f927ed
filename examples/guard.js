'use strict';

// A process guard: Node keeps two Rust workers alive, hands each connection to one of them, and gives up when they
// die too often. The workers are the ready-made `crossfork worker`.
//
//   node examples/guard.js           serve until Ctrl-C (PORT=8080 for another port)
//   node examples/guard.js --once    make requests, kill a worker meanwhile, stop
const { crossforkPath, fork } = require('crossfork');
const { once } = require('node:events');
const { createServer } = require('node:net');

const WORKERS = 2;
const RESTARTS_A_MINUTE = 10;

const workers = [];
const restarts = [];
let stopping = false;

// Paused: the worker reads the request, from its first byte on.
const server = createServer({ pauseOnConnect: true }, (socket) => {
  const worker = workers.shift();
  if (worker === undefined) return socket.destroy();
  workers.push(worker);
  worker.send('socket', socket);
});

server.listen(Number(process.env.PORT ?? 8000), '127.0.0.1', async () => {
  for (let i = 0; i < WORKERS; i++) start();
  const address = `http://127.0.0.1:${server.address().port}/`;
  console.log(`${address} is served by ${workers.map(({ pid }) => pid).join(' and ')}`);
  if (!process.argv.includes('--once')) return;
  for (let i = 1; i <= 2; i++) await request(address, i);
  const [victim] = workers;
  victim.kill('SIGKILL');
  await once(victim, 'exit');
  for (let i = 3; i <= 6; i++) await request(address, i);
  stop();
});

function start() {
  const worker = fork(crossforkPath(), ['worker']);
  workers.push(worker);
  worker.on('error', () => {}); // it died while something was sent to it: 'exit' follows
  worker.on('exit', (code, signal) => {
    workers.splice(workers.indexOf(worker), 1);
    if (stopping) return;
    console.log(`worker ${worker.pid} ended with ${signal ?? `exit code ${code}`}`);
    restart();
  });
}

function restart() {
  const minuteAgo = Date.now() - 60_000;
  restarts.push(Date.now());
  if (restarts.filter((time) => time > minuteAgo).length > RESTARTS_A_MINUTE) {
    console.error(`more than ${RESTARTS_A_MINUTE} restarts in a minute: giving up`);
    process.exit(1);
  }
  start();
}

async function request(address, i) {
  const response = await fetch(address, { headers: { connection: 'close' } });
  console.log(`request ${i}: ${(await response.text()).trim()}`);
}

// Each worker finishes the HTTP requests that it serves, and exits. (An answer by message would be lost.)
function stop() {
  stopping = true;
  server.close();
  for (const worker of workers) worker.disconnect();
}
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, stop);
