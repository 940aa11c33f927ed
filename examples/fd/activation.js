'use strict';

// Socket activation: systemd listens, and starts the program with the listening sockets.
//
//   systemd-socket-activate --listen 8000 node examples/fd/activation.js
//   node examples/fd/activation.js --once    does what systemd does, and makes a request
const { adopt, fdOf, listenFds } = require('crossfork');
const { spawn } = require('node:child_process');
const http = require('node:http');
const net = require('node:net');

function serve() {
  const app = http.createServer((_, response) => response.end(`served by ${process.pid}\n`));
  const given = listenFds();
  for (const { fd, name } of given) {
    const server = adopt(fd); // a net.Server that listens already
    console.log(`${process.pid} serves ${name}, port ${server.address().port}`);
    server.on('connection', (socket) => app.emit('connection', socket));
  }
  if (given.length === 0) app.listen(8000); // not started by systemd
}

/** Listens, and passes the socket as descriptor 3, as systemd does. */
function demonstrate() {
  const listener = net.createServer().listen(0, '127.0.0.1', async () => {
    const { port } = listener.address();
    const start = 'LISTEN_PID=$$ exec "$0" "$1"'; // the variable must name the process itself
    const child = spawn('sh', ['-c', start, process.execPath, __filename], {
      env: { ...process.env, LISTEN_FDS: '1', LISTEN_FDNAMES: 'web' },
      stdio: ['ignore', 'inherit', 'inherit', fdOf(listener)],
    });
    listener.close();
    const response = await fetch(`http://127.0.0.1:${port}/`);
    console.log((await response.text()).trim());
    child.kill();
  });
}

if (process.argv.includes('--once')) demonstrate();
else serve();
