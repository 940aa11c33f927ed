// A server with connections of every kind. HANDLER says what it does when SIGNAL tells it to end; OWN opens a second
// server that the cluster does not know; UNREF lets connections keep no process alive.
const { fork, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const http = require('node:http');
const http2 = require('node:http2');
const { Duplex } = require('node:stream');
const { setImmediate } = require('node:timers/promises');
const { Worker } = require('node:worker_threads');
const { WebSocketServer } = require('ws');

const { HANDLER, HTTP2, OWN, SIGNAL = 'SIGTERM', UNREF } = process.env;
const streams = new Set();

const requests = {
  '/': (response) => response.end(`${process.pid}`),
  '/slow': (response) => setTimeout(() => response.end('done'), 1500),
  '/blocks': (response) => {
    console.log('blocks');
    const end = Date.now() + 500;
    while (Date.now() < end);
    response.end('done');
  },
  '/events': (response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write('data: hello\n\n');
    streams.add(response);
  },
  '/keep-alive': (response) => {
    const headers = ['Connection', 'keep-alive', 'Keep-Alive', 'timeout=60', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2'];
    setTimeout(() => response.writeHead(200, headers).end('done'), 1500);
  },
  '/other-user': (response) => {
    process.setuid(65534);
    const thread = new Worker('require("node:worker_threads").parentPort.postMessage("runs")', { eval: true });
    thread.on('message', (text) => response.end(text)).on('error', (error) => response.end(error.message));
  },
  '/stream': (response) => {
    const write = (data, _, written) => {
      if (String(data).endsWith('done')) console.log('the stream has its answer');
      written();
    };
    const stream = new Duplex({ read() {}, write });
    stream.push('GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n');
    server.emit('connection', stream);
    response.end();
  },
  '/closed-servers': async (response) => response.end(`${await keptAfterClose()}`),
  '/inherited': async (response) => response.end(JSON.stringify(await inherited())),
};

const answer = ({ url }, response) => requests[url](response);
const server = HTTP2 ? http2.createServer(answer) : http.createServer(answer);
if (UNREF) server.on('connection', (socket) => socket.unref());
const sockets = new WebSocketServer({ server });
sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(String(data))));

const handlers = {
  // As in documentation of servers everywhere.
  close: () => server.close(() => console.log('closed')),
  exit: () => process.exit(0),
  goodbye: () => {
    for (const stream of streams) stream.end('data: goodbye\n\n');
    for (const socket of sockets.clients) socket.close(1001, 'goodbye');
    console.log('flushed');
  },
  long: () =>
    setTimeout(() => {
      console.log('flushed');
      process.exit(0);
    }, 2500),
  tidy: () => process.kill(process.pid, 'SIGKILL'),
};
// As the package signal-exit.
if (HANDLER === 'tidy') process.__signal_exit_emitter__ = { count: 1 };
if (HANDLER) {
  process.once(SIGNAL, (name, number) => {
    console.log(`told: ${name} ${number}`);
    handlers[HANDLER]();
  });
}
process.on('message', (message) => console.log(`message: ${message}`));

if (OWN) {
  const own = http.createServer(answer);
  own.listen({ port: 0, host: '127.0.0.1', [OWN]: true }, () => console.log(`own ${own.address().port}`));
}
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));

/** Opens and closes servers, and returns how many of them are still in memory. Needs `--expose-gc`. */
async function keptAfterClose() {
  const closed = [];
  for (let i = 0; i < 10; i++) {
    const other = http.createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    other.close();
    await once(other, 'close');
    closed.push(new WeakRef(other));
  }
  await setImmediate();
  globalThis.gc();
  return closed.filter((each) => each.deref()).length;
}

/** What a process, a fork and a thread of ours see of what was loaded before the program. */
async function inherited() {
  const look = 'JSON.stringify([process.execArgv, "CROSSFORK_DRAIN" in process.env])';
  const shown = (text) => JSON.parse(text);
  const child = spawnSync(process.execPath, ['-p', look], { encoding: 'utf8' }).stdout;
  const thread = new Worker(`require('node:worker_threads').parentPort.postMessage(${look})`, { eval: true });
  const ofThread = await new Promise((resolve) => thread.once('message', resolve));
  const forked = fork('-e', [], { execArgv: undefined, stdio: 'ignore' });
  const argv = forked.spawnargs.slice(1, -1);
  forked.kill();
  return {
    own: [process.execArgv, 'CROSSFORK_DRAIN' in process.env],
    child: shown(child)[1],
    thread: shown(ofThread),
    forked: argv,
  };
}
