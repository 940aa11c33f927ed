// Sends the messages that it is asked for, and prints those that it gets.
const http = require('node:http');
const net = require('node:net');
const { inspect } = require('node:util');

const { NODE_APP_INSTANCE, SAYS, LISTENS } = process.env;

if (SAYS) process.send(JSON.parse(SAYS));

const got = { count: 0, bytes: 0, last: undefined };
if (LISTENS !== 'no') {
  process.on('message', (message, handle) => {
    got.count++;
    got.bytes += typeof message === 'string' ? message.length : 0;
    got.last = message;
    if (message?.print)
      console.log(
        `got ${inspect(message, { breakLength: Number.POSITIVE_INFINITY })} ${handle ? 'and a handle' : 'alone'}`,
      );
  });
}

const requests = {
  '/send': async (url) => process.send(JSON.parse(url.searchParams.get('message'))),
  '/values': async () => process.send({ print: true, map: new Map([[1n, new Date(0)]]), bytes: Buffer.from('abc') }),
  '/handle': async () => {
    const socket = net.connect(server.address().port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    process.send({ print: true, text: 'with a handle' }, socket);
  },
  '/flood': async (url) => {
    const { count, length } = JSON.parse(url.searchParams.get('message'));
    const text = 'x'.repeat(length);
    for (let i = 0; i < count; i++) process.send(text);
    // When the last one is written, they all are.
    await new Promise((resolve) => process.send({ end: NODE_APP_INSTANCE }, resolve));
  },
  '/got': async () => got,
};

// Each request is for one worker, and is done once, however often it comes.
const done = new Map();
const server = http.createServer(async (request, response) => {
  const url = new URL(request.url, 'http://localhost');
  const id = url.searchParams.get('id');
  if (url.searchParams.get('to') !== NODE_APP_INSTANCE) return response.writeHead(404).end();
  if (!done.has(id)) done.set(id, requests[url.pathname](url));
  response.end(JSON.stringify((await done.get(id)) ?? null));
});
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
