'use strict';

// A worker that does as it is told: every message `{ id, do, ... }` is answered by `{ id, answer }` or `{ id, failed }`.

const cluster = require('node:cluster');
const dgram = require('node:dgram');
const { closeSync, existsSync, openSync } = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const tls = require('node:tls');

const servers = new Map();
let held;
const hoard = [];
/** Responses that wait to be told. */
const slow = [];

const commands = {
  /** `listen`: what net.Server.listen takes. `kind`: what it serves. */
  async listen({ name = 'a', kind = 'http', listen, maxConnections, credentials }) {
    const server = kinds[kind](credentials);
    servers.set(name, server);
    if (maxConnections !== undefined) server.maxConnections = maxConnections;
    await new Promise((resolve, reject) => server.once('error', reject).listen(...listen, resolve));
    // What a primary that accepts by itself leaves to its workers is no TCP handle.
    return { address: server.address(), isShared: server._handle.constructor.name !== 'Object' };
  },
  async bind({ name = 'a', type, options }) {
    const socket = dgram.createSocket({ type, ...options.socket });
    servers.set(name, socket);
    socket.on('message', (message, { port, address }) => socket.send(`${process.pid} ${message}`, port, address));
    await new Promise((resolve, reject) => socket.once('error', reject).bind(options.bind, resolve));
    return socket.address();
  },
  async close({ name = 'a' }) {
    await new Promise((resolve) => servers.get(name).close(resolve));
  },
  release() {
    for (const response of slow.splice(0)) response.end(`pid ${process.pid}`);
  },
  disconnect() {
    cluster.worker.disconnect();
  },
  kill() {
    cluster.worker.kill();
  },
  exit({ code }) {
    process.exitCode = code;
    process.exit();
  },
  echo: ({ value }) => value,
  environment: () => ({
    id: cluster.worker?.id,
    isWorker: cluster.isWorker,
    left: Object.keys(process.env).filter((name) => /^NODE_(UNIQUE|CHANNEL)/.test(name)),
    extra: process.env.EXTRA,
    argv: process.argv.slice(2),
    execArgv: process.execArgv,
    cwd: process.cwd(),
  }),
  /** Has as many descriptors open as it may, or lets go of them again. */
  starve() {
    try {
      while (true) hoard.push(openSync('/dev/null'));
    } catch (error) {
      if (error.code !== 'EMFILE') throw error;
    }
  },
  feed() {
    while (hoard.length > 0) closeSync(hoard.pop());
  },
  /** Blocks the event loop until there is a file at this path. */
  block({ path }) {
    while (!existsSync(path));
  },
  connections: ({ name = 'a' }) => new Promise((resolve) => servers.get(name).getConnections((_, n) => resolve(n))),
  /** Sends a connection to this port to the primary, and says when it has come back. */
  async sendHandle({ port }) {
    const socket = net.connect(port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    process.send('a handle', socket);
    const [back] = await new Promise((resolve) => {
      held = (...handle) => resolve(handle);
    });
    back.end('it came back');
  },
};

const kinds = {
  http: () =>
    http.createServer((request, response) => {
      if (request.url === '/slow') {
        slow.push(response);
        process.send({ slow: process.pid });
      } else {
        response.end(`pid ${process.pid}`);
      }
    }),
  /** Says who it is, and keeps the connection. */
  net: () =>
    net.createServer((socket) => {
      socket.on('error', () => {});
      socket.write(`pid ${process.pid}\n`);
    }),
  /** Ends in its handler of a connection. */
  deadly: () => net.createServer(() => process.exit(3)),
  tls: (credentials) => tls.createServer(credentials, (socket) => socket.end(`pid ${process.pid}`)),
};

process.on('message', async (message, handle) => {
  if (handle !== undefined) {
    if (message === 'a socket') handle.end(`pid ${process.pid}`);
    else held(handle);
    return;
  }
  const { id, do: what, ...args } = message;
  try {
    process.send({ id, answer: (await commands[what](args)) ?? null });
  } catch (error) {
    process.send({ id, failed: error.code ?? String(error) });
  }
});
