'use strict';

// The classic master, with workers written in Rust: one listening socket, two workers that share it,
// and a master which closes its own copy as soon as both have theirs.
//
//   npm start                 serve until Ctrl-C (PORT=8080 npm start for another port)
//   npm start -- --once       make a dozen requests, say who answered, stop
//   npm start -- --advanced   the same with the serialization that has Map, BigInt and Buffer

const { fork } = require('node:child_process');
const http = require('node:http');
const net = require('node:net');

const ONCE = process.argv.includes('--once');
const SERIALIZATION = process.argv.includes('--advanced') ? 'advanced' : 'json';
const HOST = '127.0.0.1';
const PORT = Number(process.env.PORT ?? 1337);

const workers = new Set();

// Until its own copy is closed the master may accept a connection too: a worker gets that as well.
const server = net.createServer({ pauseOnConnect: true }, (socket) => [...workers][0].send('socket', socket));
server.on('error', (error) => {
  const taken = error.code === 'EADDRINUSE';
  fail(taken ? `Port ${PORT} is already in use: set PORT to another one.` : `Cannot listen: ${error.message}.`);
});
if (!Number.isInteger(PORT) || PORT < 0 || PORT > 65535) fail('PORT must be a number from 0 to 65535.');
server.listen(PORT, HOST, async () => {
  const { port } = server.address();
  const executable = process.env.CROSSFORK_BIN ?? build();
  await Promise.all([startWorker(executable), startWorker(executable)]);
  server.close();
  console.log('master: closed its own listener');
  console.log(`master: http://${HOST}:${port}/ is served by ${[...workers].map(({ pid }) => pid).join(' and ')}`);
  if (!ONCE) return;
  for (let i = 1; i <= 12; i++) console.log(`request ${i}: ${(await get(port)).trim()}`);
  stop();
});

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, stop);

function startWorker(executable) {
  // A Rust program in place of Node: its argv is [executable, 'worker'].
  const worker = fork('worker', [], { execPath: executable, execArgv: [], serialization: SERIALIZATION });
  workers.add(worker);
  worker.on('error', (error) => fail(`Cannot start ${executable}: ${error.message}.`));
  worker.on('exit', (code, signal) => {
    console.log(`worker ${worker.pid}: ended with ${signal ?? `exit code ${code}`}`);
    workers.delete(worker);
    // Ctrl-C reaches every process of the terminal, and a worker may have acted on it first.
    if (code !== 0 && signal !== 'SIGINT') fail(`worker ${worker.pid} was not meant to end like this.`);
  });

  worker.send('server', server);
  // Node holds every later message back until the worker has acknowledged the server, and the worker
  // echoes this one: when it comes back, the server has arrived.
  worker.send('are you ready?');
  return new Promise((resolve) => {
    worker.once('message', () => {
      console.log(`worker ${worker.pid}: has the server`);
      resolve();
    });
  });
}

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

// Disconnecting is enough: a worker then finishes what it is serving and ends; without workers, so does the master.
function stop() {
  server.close();
  for (const worker of workers) if (worker.connected) worker.disconnect();
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

function build() {
  try {
    return require('../js/build.cjs').build({ bin: 'crossfork', features: ['cli'], release: true });
  } catch (error) {
    fail(error.message);
  }
}
