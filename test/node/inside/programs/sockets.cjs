'use strict';

const { readdirSync, readFileSync } = require('node:fs');
const { FdSocket, socketpair } = require('../../../../js/index.cjs');

const sockets = (type = 'seqpacket') => socketpair({ type }).map((fd) => new FdSocket(fd));
const openFds = () => readdirSync('/proc/self/fd').filter((fd) => isOurs(fd)).length;

/** Sockets that never block: Deno opens others by itself. */
function isOurs(fd) {
  try {
    const info = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
    return (Number.parseInt(/flags:\s+(\d+)/.exec(info)[1], 8) & 0o4000) !== 0;
  } catch {
    return false;
  }
}

module.exports = { openFds, sockets };
