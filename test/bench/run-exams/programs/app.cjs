'use strict';

// The program that all runners run. It knows nothing of who runs it, except in `goodbye`.
//
//   /             the process and thread that answer, after `?ms=` milliseconds
//   /stream       a line every 100 ms, for `?ms=` milliseconds
//   /exit         ends the worker
//   an upgrade    a WebSocket that echoes short texts
//
// `DEPLOY` is a file with the name of a bad release, or nothing in it.

const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { createServer } = require('node:http');
const { threadId } = require('node:worker_threads');

const body = `${process.pid}:${threadId}\n`;
const release = process.env.DEPLOY ? readFileSync(process.env.DEPLOY, 'utf8').trim() : '';
const status = release === 'errors' ? 500 : 200;
const webSockets = new Set();

if (release === 'throws') throw new Error('this release is broken');

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  const ms = Number(searchParams.get('ms'));
  if (pathname === '/exit') process.exit(1);
  else if (pathname === '/stream') stream(response, ms);
  else if (ms > 0) setTimeout(answer, ms, response);
  else answer(response);
});
server.on('upgrade', accept);
if (process.env.HANDLERS) handleSignals();
// The port must not be in the source of a program that listens by itself.
if (release !== 'silent') server.listen(Number(process.env.PORT), '127.0.0.1');
else setInterval(() => {}, 1000);
if (release === 'crashes') setTimeout(() => process.exit(1), 1000);

function answer(response) {
  response.writeHead(status, { 'content-type': 'text/plain', 'content-length': body.length }).end(body);
}

function stream(response, ms) {
  response.writeHead(status, { 'content-type': 'text/plain' });
  const timer = setInterval(() => response.write('line\n'), 100);
  const end = setTimeout(() => {
    clearInterval(timer);
    response.end(body);
  }, ms);
  response.on('close', () => [timer, end].forEach(clearTimeout));
}

/** A WebSocket without extensions, for texts of up to 125 bytes, each in a segment of its own. */
function accept(request, socket) {
  const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accepted = createHash('sha1').update(key).digest('base64');
  const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
  socket.write(`${[...head, `Sec-WebSocket-Accept: ${accepted}`].join('\r\n')}\r\n\r\n`);
  webSockets.add(socket);
  socket.on('close', () => webSockets.delete(socket));
  socket.on('error', () => socket.destroy());
  socket.on('data', (frame) => {
    const [mask, text] = [frame.subarray(2, 6), frame.subarray(6)];
    const isClose = (frame[0] & 15) === 8;
    if (isClose) return socket.end();
    socket.write(Buffer.concat([Buffer.from([0x81, text.length]), text.map((byte, i) => byte ^ mask[i % 4])]));
  });
}

/** What the author of such a program writes: says goodbye to its WebSockets when it is told to go. */
function handleSignals() {
  const goodbye = () => {
    server.close();
    for (const socket of webSockets) socket.end(Buffer.from([0x88, 2, 1001 >> 8, 1001 & 255]));
  };
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, goodbye);
  // Watt runs programs in threads, which get no signals, and has an event of its own.
  globalThis.platformatic?.events?.on('close', goodbye);
}
