'use strict';

// The other process of the contests about descriptors: receives what the first sends, and answers when it has all.
// Its first argument says how: fork, fd-socket, net.

const net = require('node:net');

const [how, path, count] = process.argv.slice(2);
const wanted = Number(count);
let received = 0;

const PEERS = {
  fork() {
    process.on('message', (_, handle) => {
      handle.close();
      if (++received === wanted) process.send('all');
    });
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
    count_(connect(path));
  },

  'data-net'() {
    const socket = net.connect(path);
    count_(socket, 'write');
  },
};

function count_(socket, send = 'send') {
  socket.on('data', (data) => {
    received += data.length;
    if (received >= wanted) {
      received -= wanted;
      socket[send]('all');
    }
  });
}

PEERS[how]();
