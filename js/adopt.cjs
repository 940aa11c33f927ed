'use strict';

const dgram = require('node:dgram');
const net = require('node:net');
const { checkFd } = require('./checks.cjs');
const { describeFd } = require('./describe.cjs');
const { setNonblocking } = require('./flags.cjs');
const { checkUnowned } = require('./watch.cjs');

/**
 * The right object for what a descriptor is: a net.Socket, net.Server or dgram.Socket, which owns it from then on.
 * Anything else comes back as the number, and stays the caller's.
 */
function adopt(fd) {
  const found = describeFd(checkFd(fd));
  const make = maker(found);
  if (make === undefined) return fd;
  checkUnowned(fd);
  // Node takes for granted that nothing waits on it.
  setNonblocking(fd, true);
  return make(found);
}

function maker({ kind, family, type, listening, connected }) {
  // Bun's net.Socket can do nothing with a pipe.
  if (kind === 'pipe') return process.versions.bun ? undefined : adoptStream;
  if (kind !== 'socket') return undefined;
  const ip = family === 'IPv4' || family === 'IPv6';
  if (type === 'dgram' && ip) return adoptDatagrams;
  if (type !== 'stream' || (!ip && family !== 'Unix')) return undefined;
  if (listening) return adoptServer;
  // What is bound only is neither a connection nor a server.
  return connected ? adoptStream : undefined;
}

function adoptStream({ fd, flags: { readable, writable } }) {
  // Bun's constructor takes no descriptor.
  return process.versions.bun ? net.connect({ fd }) : new net.Socket({ fd, readable, writable });
}

function adoptServer({ fd }) {
  const server = net.createServer();
  // In a cluster's worker, the primary would be asked for its own descriptor of this number.
  return server.listen({ fd, exclusive: true });
}

function adoptDatagrams({ fd, family }) {
  const socket = dgram.createSocket(family === 'IPv4' ? 'udp4' : 'udp6');
  return socket.bind({ fd, exclusive: true });
}

module.exports = { adopt };
