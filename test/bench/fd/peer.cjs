'use strict';

// The other process of the contests about descriptors: receives what the first sends, and answers when it has all.
// Its first argument is the contest's name (contest.mjs).

const net = require('node:net');

const [how, name, count] = process.argv.slice(2);
const path = `\0${name}`;
const wanted = Number(count);
let received = 0;

const PEERS = {
  fork() {
    process.on('message', (_, handle) => {
      handle.close();
      if (++received === wanted) process.send('all');
    });
    process.send('ready');
  },

  'fd-socket'() {
    const { connect } = require('../../../js/index.cjs');
    const socket = connect(path, { type: 'seqpacket' });
    socket.on('message', (_, fds) => {
      received += fds.length;
      if (received === wanted) socket.send('all');
    });
  },

  'data-fd-socket'() {
    const { connect } = require('../../../js/index.cjs');
    countBytes(connect(path), 'send');
  },

  'data-net'() {
    countBytes(net.connect(path), 'write');
  },
};

function countBytes(socket, send) {
  socket.on('data', (data) => {
    received += data.length;
    if (received >= wanted) {
      received -= wanted;
      socket[send]('all');
    }
  });
}

PEERS[how]();
