'use strict';

// Sockets and servers to hand over, and the other ends that find out whether they work.

const assert = require('node:assert');
const dgram = require('node:dgram');
const { linkSync, mkdtempSync, readFileSync, readlinkSync, rmSync } = require('node:fs');
const net = require('node:net');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { event, within } = require('./wait.cjs');

/** A name for a Unix socket or FIFO that goes away with the scenario. */
function freshPath(t) {
  const folder = mkdtempSync(join(tmpdir(), 'crossfork-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 's');
}

/** A listening server of the given family that reads nothing from its connections (HND-15). */
async function listen(t, family = 'tcp') {
  const server = net.createServer({ pauseOnConnect: true });
  if (family === 'tcp') server.listen(0, '127.0.0.1');
  else server.listen(freshPath(t));
  await event(server, 'listening');
  t.after(() => server.close());
  return server;
}

/**
 * Where a server that is about to be handed over is reached, also when this process has closed its copy. Closing a Unix
 * server unlinks its path (HND-24), so that one gets another name.
 */
function lastingAddress(server) {
  const address = server.address();
  if (typeof address !== 'string') return address;
  linkSync(address, `${address}.kept`);
  return `${address}.kept`;
}

/** A client of the server at `address`, which is what server.address() returns. */
async function connect(t, address) {
  const client = typeof address === 'string' ? net.connect(address) : net.connect(address.port, address.address);
  t.after(() => client.destroy());
  await event(client, 'connect', `a connection to ${JSON.stringify(address)}`);
  client.on('error', () => {}); // from here on an end that comes as a reset is an end like any other
  return client;
}

/** Both ends of one connection: the client's, and the one to hand over. */
async function connection(t, server) {
  const accepting = event(server, 'connection');
  const client = await connect(t, server.address());
  const [accepted] = await accepting;
  t.after(() => accepted.destroy());
  return { client, accepted };
}

/** What arrives on `stream` up to and including `end`. */
function readTo(stream, end) {
  let text = '';
  const arrived = new Promise((resolve, reject) => {
    const done = (settle, value) => {
      stream.off('data', onData).off('end', onEnd);
      settle(value);
    };
    const onEnd = () => done(reject, new Error(`the stream ended after ${JSON.stringify(text)}`));
    const onData = (bytes) => {
      text += bytes;
      if (text.endsWith(end)) done(resolve, text);
    };
    stream.on('data', onData).on('end', onEnd).resume();
  });
  return within(arrived, () => `${JSON.stringify(end)}, having read ${JSON.stringify(text)}`);
}

/** Asserts that the child is what answers on this connection. */
async function serves(child, client) {
  if (child.kind === 'worker') {
    await answersHttp(child, client);
    await answersHttp(child, client); // keep-alive
    client.destroy();
  } else {
    assert.strictEqual(await readTo(client, '\n'), 'hello from rust\n');
    await echoes(client);
    client.end();
  }
}

async function answersHttp(child, client, request = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n') {
  client.write(request);
  const body = `handled by child, pid is ${child.pid}\n`;
  const response = await readTo(client, body);
  assert.match(response, /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(response, new RegExp(`\r\ncontent-length: ${body.length}\r\n`, 'i'));
}

async function echoes(stream) {
  stream.write('ping\n');
  assert.strictEqual(await readTo(stream, '\n'), 'ping\n');
}

/** A bound UDP socket. */
async function bound(t, type) {
  const socket = dgram.createSocket(type);
  t.after(() => close(socket));
  socket.bind(0, loopback(type));
  await event(socket, 'listening');
  return socket;
}

/** Asserts that what is sent to `port` comes back. */
async function echoesDatagrams(t, type, port) {
  const client = await bound(t, type);
  const answer = event(client, 'message', 'the datagram to come back');
  client.send('ping', port, loopback(type));
  assert.strictEqual(String((await answer)[0]), 'ping');
  client.close();
}

const loopback = (type) => (type === 'udp6' ? '::1' : '127.0.0.1');

/** The raw handle inside a dgram.Socket, which is what `dgram.Native` carries. */
function rawUdp(socket) {
  const state = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol');
  return socket[state].handle;
}

/** Closes a socket, server or raw handle, whichever it is, unless it is closed already. */
function close(handle) {
  try {
    if (handle.destroy) handle.destroy();
    else handle.close();
  } catch {}
}

/** The path that a Unix socket of this process is bound to, which no API tells for one that was received. */
function boundPath(fd) {
  const inode = /\[(\d+)\]/.exec(readlinkSync(`/proc/self/fd/${fd}`))[1];
  const row = readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .find((line) => line.split(/\s+/)[6] === inode);
  return row?.split(/\s+/)[7];
}

module.exports = {
  freshPath,
  listen,
  lastingAddress,
  connect,
  connection,
  readTo,
  serves,
  answersHttp,
  echoes,
  bound,
  echoesDatagrams,
  rawUdp,
  close,
  boundPath,
};
