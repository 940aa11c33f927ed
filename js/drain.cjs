'use strict';

// Graceful shutdown for a worker of `crossfork run`, which loads this file before the program (`--require`).
//
// Until the primary asks the worker to disconnect it only remembers which servers listen and which
// connections are open. Then it drains them: requests in flight finish, answers carry `Connection: close`,
// and idle connections are closed. In the end it tells the program, by the handlers that the program has for
// the stop signal. It uses nothing of the package, so that it also works as a file of its own.

const SETTINGS = 'CROSSFORK_DRAIN';

hideThisFile();
const settings = takeSettings();
if (settings && isWorkerOfACluster()) install(settings);

/** What the program forks is not to load it. A thread does, for Node keeps its own copy of the arguments. */
function hideThisFile() {
  const at = process.execArgv.indexOf(__filename);
  if (at > 0) process.execArgv.splice(at - 1, 2);
}

/** The settings are for this process alone, and leave the environment. */
function takeSettings() {
  const text = process.env[SETTINGS];
  delete process.env[SETTINGS];
  return text === undefined ? undefined : JSON.parse(text);
}

function isWorkerOfACluster() {
  const { isMainThread } = require('node:worker_threads');
  return isMainThread && process.connected && require('node:cluster').isWorker;
}

/**
 * @param {{ signal: string, signalAfter: number, shutdownMessage: boolean }} settings the stop signal; how long
 *   after the request the program hears of it at the latest, in milliseconds; whether it gets pm2's message too
 */
function install({ signal, signalAfter, shutdownMessage }) {
  const net = require('node:net');
  const { constants } = require('node:os');

  /** How often connections are looked at, and how long they may be idle. In milliseconds. */
  const LOOK = 100;
  const SILENT = 1000;
  const IDLE = 3000;
  const HALF_CLOSED = 500;

  /** Each server that has listened, and what is open there. */
  const servers = new Map();
  /** What each socket had read when something last came, and when that was. */
  const news = new WeakMap();
  const drain = { since: undefined, isTold: false, quietSince: undefined, timer: undefined };

  wrap(
    net.Server.prototype,
    'listen',
    (listen) =>
      function (...args) {
        track(this);
        return Reflect.apply(listen, this, args);
      },
  );

  // Before the cluster's own listener, which closes the servers. There is no public event.
  process.prependListener('internalMessage', (message) => {
    if (message?.cmd === 'NODE_CLUSTER' && message.act === 'disconnect' && drain.since === undefined) begin();
  });

  function track(server) {
    if (servers.has(server)) return;
    const open = { sockets: new Set(), sessions: new Set() };
    servers.set(server, open);
    const keep = (set, each) => {
      set.add(each);
      each.once('close', () => set.delete(each));
    };
    server.on('connection', (socket) => keep(open.sockets, socket));
    if (isSecure(server)) {
      server.on('secureConnection', (socket) => {
        // Until now its TCP connection stood for it.
        open.sockets.delete(socket._parent);
        keep(open.sockets, socket);
      });
    }
    if (isHttp2(server)) {
      server.on('session', (session) => {
        keep(open.sessions, session);
        if (drain.since !== undefined) closeSession(session);
      });
    }
  }

  function begin() {
    drain.since = performance.now();
    keepIdleConnections();
    letServersCloseTwice();
    endAnswersWithClose();
    for (const { sessions } of servers.values()) sessions.forEach(closeSession);
    // The cluster does not know servers that this worker bound by itself (`reusePort`, `exclusive`).
    setImmediate(() => {
      for (const server of servers.keys()) if (server.listening) server.close();
    });
    drain.timer = setInterval(look, LOOK);
    // A program that does not want to be told may end before.
    if (!wantsToBeTold()) drain.timer.unref();
    look();
  }

  /** After the poll phase: what has arrived has been read by then, and is not taken for idle. */
  function look() {
    setImmediate(() => {
      const open = closeIdleConnections();
      if (!drain.isTold && (open.ending === 0 || performance.now() - drain.since >= signalAfter)) tell();
      if (!drain.isTold) return;
      if (!wantsToBeTold()) endIfQuiet(open);
      else if (open.ending === 0) clearInterval(drain.timer);
    });
  }

  function wantsToBeTold() {
    return process.listenerCount(signal) > 0 || shutdownMessage;
  }

  /** Calls the program's handlers. A real signal would be late for a process that ends by itself now. */
  function tell() {
    drain.isTold = true;
    if (shutdownMessage) process.emit('message', 'shutdown', undefined);
    if (process.listenerCount(signal) > 0) process.emit(signal, signal, constants.signals[signal]);
  }

  /** A program that has no handler, and that something else than a connection keeps alive, a timer perhaps. */
  function endIfQuiet({ ending, programs }) {
    const now = performance.now();
    if (ending + programs > 0) drain.quietSince = undefined;
    else drain.quietSince ??= now;
    if (now - drain.quietSince >= signalAfter) process.kill(process.pid, signal);
  }

  /** @returns how many connections end by themselves, and of how many only the program knows when */
  function closeIdleConnections() {
    const now = performance.now();
    const open = { ending: 0, programs: 0 };
    for (const [server, { sockets, sessions }] of servers) {
      open.ending += sessions.size;
      for (const socket of sockets) {
        const state = stateOf(server, socket);
        open[state === 'program' ? 'programs' : 'ending'] += 1;
        if (state === 'idle' && idleFor(socket, now) >= idleLimit(server, socket)) halfClose(socket);
      }
    }
    return open;
  }

  /** @returns {'busy' | 'idle' | 'program'} */
  function stateOf(server, socket) {
    if (!isHttp1(server) && !isHttp2(server)) return 'busy';
    if (socket.bytesRead === 0 || isInHandshake(server, socket)) return 'idle';
    // Upgraded, or a session of HTTP/2.
    if (!socket.parser) return 'program';
    const answer = socket._httpMessage;
    if (!answer) return 'idle';
    return isEventStream(answer) ? 'program' : 'busy';
  }

  /** For how long nothing has come, as far as we have looked. */
  function idleFor(socket, now) {
    const seen = news.get(socket);
    if (seen?.bytes === socket.bytesRead) return now - seen.since;
    news.set(socket, { bytes: socket.bytesRead, since: now });
    return 0;
  }

  function idleLimit(server, socket) {
    if (socket.bytesRead === 0 || isInHandshake(server, socket)) return SILENT;
    return server.keepAliveTimeout > 0 ? Math.min(server.keepAliveTimeout + 1000, IDLE) : IDLE;
  }

  function halfClose(socket) {
    socket.end();
    setTimeout(() => socket.destroy(), HALF_CLOSED).unref();
  }

  /** `server.close()` would cut requests that are on their way (from Node 19 on). */
  function keepIdleConnections() {
    for (const { Server } of [require('node:http'), require('node:https')]) {
      if (Server.prototype.closeIdleConnections) wrap(Server.prototype, 'closeIdleConnections', () => () => {});
    }
  }

  /** The program may close what the drain has closed. It is told that this went well, once, as if it had come first. */
  function letServersCloseTwice() {
    const closed = new WeakSet();
    wrap(
      net.Server.prototype,
      'close',
      (close) =>
        function (callback) {
          const isFirst = this.listening || !servers.has(this) || closed.has(this);
          if (isFirst || typeof callback !== 'function') return Reflect.apply(close, this, [callback]);
          closed.add(this);
          this.once('close', () => callback());
          return Reflect.apply(close, this, []);
        },
    );
  }

  function endAnswersWithClose() {
    wrap(
      require('node:http').ServerResponse.prototype,
      'writeHead',
      (writeHead) =>
        function (status, ...rest) {
          if (status !== 101 && !this.headersSent && servers.has(this.socket?.server)) {
            const last = rest.length - 1;
            this.removeHeader('Keep-Alive');
            if (Array.isArray(rest[last])) rest[last] = listWithClose(rest[last]);
            else if (isObject(rest[last])) rest[last] = objectWithClose(rest[last]);
            else this.setHeader('Connection', 'close');
          }
          return Reflect.apply(writeHead, this, [status, ...rest]);
        },
    );
  }

  /** For a client, GOAWAY with the number of the last stream. A notice before it makes streams hang. */
  function closeSession(session) {
    setImmediate(() => {
      if (!session.closed && !session.destroyed) session.close();
    });
  }
}

const isSecure = (server) => typeof server.setSecureContext === 'function';
const isHttp1 = (server) => typeof server.keepAliveTimeout === 'number';
const isHttp2 = (server) => typeof server.updateSettings === 'function';
const isInHandshake = (server, socket) => isSecure(server) && !socket.encrypted;
const isObject = (value) => typeof value === 'object' && value !== null;

const isAboutConnection = (name) => /^(connection|keep-alive)$/i.test(name);

/** Headers as an array: of pairs, or of names and values in turn. */
function listWithClose(headers) {
  if (Array.isArray(headers[0])) {
    return [...headers.filter(([name]) => !isAboutConnection(name)), ['Connection', 'close']];
  }
  const kept = headers.filter((_, i) => !isAboutConnection(headers[i - (i % 2)]));
  return [...kept, 'Connection', 'close'];
}

function objectWithClose(headers) {
  const kept = Object.entries(headers).filter(([name]) => !isAboutConnection(name));
  return { ...Object.fromEntries(kept), Connection: 'close' };
}

function isEventStream(answer) {
  const type = answer.getHeader('content-type') ?? /^content-type:(.*)$/im.exec(answer._header ?? '')?.[1];
  return /\btext\/event-stream\b/i.test(String(type));
}

/** Replaces a method by one that looks the same. */
function wrap(prototype, name, make) {
  const original = prototype[name];
  const wrapped = make(original);
  for (const each of ['name', 'length']) {
    Object.defineProperty(wrapped, each, { value: original[each], configurable: true });
  }
  prototype[name] = wrapped;
}
