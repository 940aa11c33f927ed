'use strict';

// A proxy that reads the first bytes of a connection, and then hands the connection itself to another process. The bytes
// of the answer never pass through the proxy.
//
//   node examples/fd/proxy.js           serve until Ctrl-C (PORT=8080 for another port)
//   node examples/fd/proxy.js --once    make two requests, stop
const { FdSocket, adopt, closeFd, socketpair } = require('crossfork');
const { spawn } = require('node:child_process');
const http = require('node:http');
const net = require('node:net');

function proxy() {
  const backends = { '/a': backend('a'), '/b': backend('b') };
  const server = net.createServer((client) => {
    client.on('error', () => {}); // the client has left
    client.once('data', (head) => {
      client.pause();
      const [, path] = /^GET (\S+)/.exec(head.toString('latin1')) ?? [];
      const to = backends[path];
      if (to === undefined) return client.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
      to.socket.send(head, client); // what was read, and the connection
      client.destroy(); // closes our copy alone
    });
  });
  server.listen(Number(process.env.PORT ?? 8000), '127.0.0.1', async () => {
    const address = `http://127.0.0.1:${server.address().port}`;
    console.log(`proxy ${process.pid}: ${address}/a and ${address}/b`);
    if (!process.argv.includes('--once')) return;
    for (const path of ['/a', '/b']) console.log((await (await fetch(address + path)).text()).trim());
    server.close();
    for (const { socket } of Object.values(backends)) socket.close(); // a backend ends with its socket
  });
}

/** Starts a process with one end of a socket pair as its descriptor 3. */
function backend(name) {
  const [ours, theirs] = socketpair({ type: 'seqpacket' });
  const child = spawn(process.execPath, [__filename, 'backend', name], {
    stdio: ['ignore', 'inherit', 'inherit', theirs],
  });
  closeFd(theirs);
  return { child, socket: new FdSocket(ours) };
}

function serve(name) {
  const app = http.createServer((request, response) => {
    response.setHeader('Connection', 'close');
    response.end(`backend ${name}, process ${process.pid}, answers ${request.url}\n`);
  });
  new FdSocket(3).on('message', (head, fds) => {
    const client = adopt(fds.take()); // a net.Socket
    client.unshift(head);
    app.emit('connection', client);
  });
}

const [, , role, name] = process.argv;
if (role === 'backend') serve(name);
else proxy();
