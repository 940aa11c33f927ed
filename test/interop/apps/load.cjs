// A server for every kind of client. Answers take TAKES milliseconds, and streams five seconds. HTTP2 makes it one of HTTP/2.
const http = require('node:http');
const http2 = require('node:http2');
const { WebSocketServer } = require('ws');

const { HTTP2, TAKES = '0' } = process.env;

function answer({ url }, response) {
  if (url === '/stream') return stream(response);
  if (TAKES === '0') response.end('done');
  else setTimeout(() => response.end('done'), Number(TAKES));
}

function stream(response) {
  const timer = setInterval(() => response.write('line\n'), 250);
  setTimeout(() => {
    clearInterval(timer);
    response.end('end\n');
  }, 5000);
}

const server = HTTP2 ? http2.createServer(answer) : http.createServer(answer);
const sockets = new WebSocketServer({ server });
sockets.on('connection', (socket) => {
  socket.on('message', () => {
    if (TAKES === '0') socket.send('done');
    else setTimeout(() => socket.send('done'), Number(TAKES));
  });
});

process.on('SIGTERM', () => {
  for (const socket of sockets.clients) socket.close(1001, 'going away');
});
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
