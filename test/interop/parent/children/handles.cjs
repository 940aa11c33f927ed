'use strict';

// What the child does with handles, and the handles that it makes.

const dgram = require('node:dgram');
const { once } = require('node:events');
const { mkdtempSync, rmSync } = require('node:fs');
const net = require('node:net');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

/** Reports what came and puts it to use. */
function serve(value, handle) {
  const type = typeOf(handle);
  if (value?.unused) handle.destroy?.();
  else use(type, value?.as, handle);
  process.send({ op: 'handle', type, value });
}

function typeOf(handle) {
  if (handle instanceof net.Server) return 'net.Server';
  if (handle instanceof net.Socket) return 'net.Socket';
  if (handle instanceof dgram.Socket) return 'dgram.Socket';
  if (net.BoundSocket && handle instanceof net.BoundSocket) return 'net.BoundSocket';
  return handle.constructor.name === 'UDP' ? 'dgram.Native' : 'net.Native';
}

function use(type, as, handle) {
  if (type === 'net.Server') return handle.on('connection', converse);
  if (type === 'net.Socket') return converse(handle, as);
  if (type === 'dgram.Socket') return echo(handle);
  if (type === 'net.BoundSocket') return net.createServer(converse).listen(handle);
  if (type === 'dgram.Native') {
    const socket = dgram.createSocket(as);
    socket.bind({ fd: handle.fd });
    return echo(socket);
  }
  if (as.endsWith('listener')) return net.createServer(converse).listen(handle);
  converse(new net.Socket({ handle, readable: as !== 'fifo', writable: true }), as);
}

/** Greets, then gives back what comes, until the end. */
function converse(socket, as) {
  socket.on('error', () => {}); // the client is gone
  socket.write(`hello from ${process.pid}\n`);
  if (as !== 'fifo') socket.on('data', (bytes) => socket.write(bytes));
}

function echo(socket) {
  socket.on('message', (bytes, { port, address }) => socket.send(bytes, port, address));
}

/** A handle for the parent. The other end of a connection gives back what it gets. */
async function create(type, via) {
  switch (type) {
    case 'net.Server': {
      const server = await listening(via);
      server.on('connection', converse);
      return { handle: server };
    }
    case 'net.Socket':
      return { handle: await connected(via) };
    case 'net.Native': {
      const socket = await connected(via);
      return { handle: socket._handle, after: () => socket.destroy() };
    }
    case 'dgram.Socket':
      return { handle: await bound(via) };
    case 'dgram.Native': {
      const socket = await bound(via);
      const state = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol');
      return { handle: socket[state].handle };
    }
    case 'net.BoundSocket':
      return { handle: new net.BoundSocket({ host: '127.0.0.1' }) };
  }
}

/** In a folder that goes away with the process. */
async function listening(via) {
  const server = net.createServer();
  if (via === 'unix') {
    const folder = mkdtempSync(join(tmpdir(), 'crossfork-'));
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
    server.listen(join(folder, 's'));
  } else {
    server.listen(0, '127.0.0.1');
  }
  await once(server, 'listening');
  return server;
}

async function connected(via) {
  const server = await listening(via);
  // Without a greeting: Node would read it before the socket is sent (HND-15).
  server.on('connection', (socket) => socket.on('error', () => {}).pipe(socket));
  const address = server.address();
  const socket = typeof address === 'string' ? net.connect(address) : net.connect(address.port, address.address);
  await Promise.all([once(socket, 'connect'), once(server, 'connection')]);
  server.close();
  return socket;
}

async function bound(via) {
  const socket = dgram.createSocket(via);
  socket.bind(0, via === 'udp6' ? '::1' : '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

module.exports = { create, serve };
