'use strict';

// The other process of the contests about descriptors: receives what the first sends, and answers when it has all.
// Its first argument is the contest's name (contest.mjs).

const { closeSync, rmSync } = require('node:fs');
const { createRequire } = require('node:module');
const net = require('node:net');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

const [how, name, count, ...more] = process.argv.slice(2);
const path = `\0${name}`;
const wanted = Number(count);
let received = 0;

const crossfork = () => require('../../../js/index.cjs');
const other = (name) => createRequire(`${more.at(-1)}/`)(name);

const PEERS = {
  fork() {
    process.on('message', (_, handle) => {
      handle.close();
      if (++received === wanted) process.send('all');
    });
    process.send('ready');
  },

  'fd-socket'() {
    const socket = crossfork().connect(path, { type: 'seqpacket' });
    socket.on('message', (_, fds) => {
      received += fds.length;
      if (received === wanted) socket.send('all');
    });
  },

  usocket() {
    const { USocket } = other(how);
    const file = join(tmpdir(), name);
    const socket = new USocket({ path: file });
    const window = Number(more[0]);
    socket.on('connected', () => {
      rmSync(file);
      // Not before: it aborts.
      socket.on('data', () => {});
    });
    socket.on('fds', (fds) => {
      for (const fd of fds) closeSync(fd);
      const before = received;
      received += fds.length;
      if (Math.floor(before / window) < Math.floor(received / window)) socket.write('x');
    });
    socket.on('close', () => process.exit());
  },

  'unix-dgram'() {
    const file = join(tmpdir(), name);
    const socket = other(how).createSocket('unix_dgram', () => {
      if (++received % wanted === 0) process.send('all');
    });
    socket.on('listening', () => process.send('ready'));
    socket.bind(file);
    process.on('disconnect', () => {
      rmSync(file);
      process.exit();
    });
  },

  'data-fd-socket'() {
    countBytes(crossfork().connect(path), 'send');
  },

  'packets-fd-socket'() {
    countBytes(crossfork().connect(path, { type: 'seqpacket' }), 'send', 'message');
  },

  'data-net'() {
    countBytes(net.connect(path), 'write');
  },
};

function countBytes(socket, send, event = 'data') {
  socket.on(event, (data) => {
    received += data.length;
    if (received >= wanted) {
      received -= wanted;
      socket[send]('all');
    }
  });
}

PEERS[how]();
