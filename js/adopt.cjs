'use strict';

const dgram = require('node:dgram');
const net = require('node:net');
const { checkFd } = require('./checks.cjs');
const { describeFd } = require('./describe.cjs');
const { setNonblocking } = require('./flags.cjs');
const { checkUnowned } = require('./watch.cjs');

/**
 * Returns the Node object for a descriptor: a net.Socket, net.Server or dgram.Socket, which then owns the descriptor.
 * For anything else, returns the number, and the caller keeps the descriptor.
 */
function adopt(fd) {
  const found = describeFd(checkFd(fd));
  const make = maker(found);
  if (make === undefined) return fd;
  checkUnowned(fd);
  // Node assumes that its sockets are non-blocking.
  setNonblocking(fd, true);
  return make(found);
}

function maker({ kind, family, type, listening, connected }) {
  // Bun's net.Socket does not support pipes.
  if (kind === 'pipe') return process.versions.bun ? undefined : adoptStream;
  if (kind !== 'socket') return undefined;
  const ip = family === 'IPv4' || family === 'IPv6';
  if (type === 'dgram' && ip) return adoptDatagrams;
  if (type !== 'stream' || (!ip && family !== 'Unix')) return undefined;
  if (listening) return adoptServer;
  // A socket that is only bound is neither a connection nor a server.
  return connected ? adoptStream : undefined;
}

function adoptStream({ fd, flags: { readable, writable } }) {
  // Bun's constructor does not take a descriptor.
  return process.versions.bun ? net.connect({ fd }) : new net.Socket({ fd, readable, writable });
}

function adoptServer({ fd }) {
  const server = net.createServer();
  // `exclusive`, because a cluster worker would otherwise ask the primary for the primary's descriptor of this number.
  return server.listen({ fd, exclusive: true });
}

function adoptDatagrams({ fd, family }) {
  const socket = dgram.createSocket(family === 'IPv4' ? 'udp4' : 'udp6');
  return socket.bind({ fd, exclusive: true });
}

module.exports = { adopt };
