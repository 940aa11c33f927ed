'use strict';

// A peer in another Node process, which was not forked by the first: the same parts as peer.py, and more.

const net = require('node:net');
const { readFileSync } = require('node:fs');
const { adopt, closeFd, connect, mapFd } = require('../../../js/index.cjs');

const [how, type, path] = process.argv.slice(2);
const socket = connect(path, { type });
const event = type === 'stream' ? 'data' : 'message';

const PARTS = {
  /** Sends back what comes, with its descriptors. */
  echo(data, fds) {
    const all = fds.takeAll();
    socket.send(data, all);
    all.forEach(closeFd);
  },

  /** Tells what is in the file that comes. */
  read(_, fds) {
    const fd = fds.take();
    socket.send(readFileSync(`/proc/self/fd/${fd}`));
    closeFd(fd);
  },

  /** Serves on what comes: a server, or a datagram socket. */
  serve(_, fds) {
    const adopted = adopt(fds.take());
    if (adopted instanceof net.Server) adopted.on('connection', (connection) => connection.end(`from ${process.pid}`));
    else adopted.on('message', (_, { port }) => adopted.send(`from ${process.pid}`, port, '127.0.0.1'));
    socket.send(`${process.pid}`);
  },

  /** Writes to the memory that comes. */
  map(_, fds) {
    const fd = fds.take();
    mapFd(fd).write('written by the peer');
    closeFd(fd);
    socket.send('done');
  },

  /** Dies in the middle of its answer, with descriptors in it and others waiting. */
  'die answering'(_, fds) {
    const all = fds.takeAll();
    for (let i = 0; i < 100; i++) socket.send(Buffer.alloc(100_000), all);
    process.kill(process.pid, 'SIGKILL');
  },

  /** Takes what comes, and dies of it. */
  die(_, fds) {
    fds.takeAll();
    process.kill(process.pid, 'SIGKILL');
  },
};

// Where the peer dies before it hears anything.
if (how === 'die at once') process.kill(process.pid, 'SIGKILL');
socket.on(event, PARTS[how]);
