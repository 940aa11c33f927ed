'use strict';

// Shared memory: two processes work on the same bytes, and only say so to each other. `node examples/fd/memory.js`
const { FdSocket, closeFd, mapFd, memfd, socketpair } = require('crossfork');
const { spawn } = require('node:child_process');

const SIZE = 64 * 1024 * 1024;

function parent() {
  const [ours, theirs] = socketpair({ type: 'seqpacket' });
  spawn(process.execPath, [__filename, 'child'], { stdio: ['ignore', 'inherit', 'inherit', theirs] });
  closeFd(theirs);

  const fd = memfd('pixels', Buffer.alloc(SIZE, 7));
  const pixels = mapFd(fd); // a Buffer over the memory itself
  const child = new FdSocket(ours);
  child.send('add one to each', fd);
  closeFd(fd); // the mapping stays, and the child has a descriptor of its own
  child.on('message', (reply) => {
    console.log(`parent: "${reply}", and the last of ${SIZE} bytes is ${pixels[SIZE - 1]}`);
    child.close();
  });
}

function child() {
  const socket = new FdSocket(3);
  socket.on('message', (request, fds) => {
    const fd = fds.take();
    const pixels = mapFd(fd);
    closeFd(fd);
    console.log(`child: "${request}", and the first byte is ${pixels[0]}`);
    for (let i = 0; i < pixels.length; i++) pixels[i]++;
    socket.send('done');
  });
}

if (process.argv[2] === 'child') child();
else parent();
