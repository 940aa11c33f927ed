'use strict';

const { socketpair, sendFds, recvFds } = require('./passing.cjs');
const { FdSocket } = require('./fd-socket.cjs');

module.exports = {
  ...require('./adopt.cjs'),
  ...require('./calls/index.cjs'),
  ...require('./binary.cjs'),
  ...require('./cluster-fork.cjs'),
  ...require('./describe.cjs'),
  ...require('./fd-of.cjs'),
  ...require('./fd-server.cjs'),
  ...require('./flags.cjs'),
  ...require('./fork.cjs'),
  ...require('./listen-fds.cjs'),
  ...require('./memory.cjs'),
  FdSocket,
  recvFds,
  sendFds,
  socketpair,
};
