'use strict';

// Graceful shutdown for a worker of `crossfork run`, which loads this file before the program (`--require`).
//
// Until the primary asks the worker to disconnect, it only records which servers listen, and secure sockets and HTTP/2
// sessions. Then it drains them: requests in flight finish, responses carry `Connection: close`, and idle
// connections are closed. In the end it calls the program's handlers for the stop signal. It requires no other
// file of the package, so that it also works alone.

const SETTINGS = 'CROSSFORK_DRAIN';

hideThisFile();
const settings = takeSettings();
if (settings && isWorkerOfACluster()) install(settings);

/**
 * Keeps processes that the program forks from loading this file, and the program from seeing it among the loaded ones.
 * Threads still load it: Node copied the arguments before.
 */
function hideThisFile() {
  delete require.cache[__filename];
  const at = process.execArgv.indexOf(__filename);
  if (at > 0) process.execArgv.splice(at - 1, 2);
}

/** Reads the settings, and removes them from the environment, because they are only for this process. */
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
 * @param {{ signal: string, signalAfter: number, shutdownMessage: boolean }} settings the stop signal; the longest
 *   time from the request until the program is notified, in milliseconds; whether to emit pm2's message too
 */
function install({ signal, signalAfter, shutdownMessage }) {
  const net = require('node:net');
  const { constants } = require('node:os');

  // In milliseconds: how often connections are checked, and how long they may be idle before the first request,
  // between requests, and half closed.
  const CHECK_INTERVAL = 100;
  const IDLE_BEFORE_REQUEST = 1000;
  const IDLE = 3000;
  const HALF_CLOSED = 500;

  /** Each server that listens or has connections, with its open secure sockets and HTTP/2 sessions. */
  const servers = new Map();
  /** Each server that has ever listened. */
  const tracked = new WeakSet();
  /** For each socket, how many bytes it had read when data last arrived, and when that was. */
  const lastReads = new WeakMap();
  const drain = { since: undefined, isNotified: false, hadHandler: false, quietSince: undefined, timer: undefined };

  wrap(
    net.Server.prototype,
    'listen',
    (listen) =>
      function (...args) {
        track(this);
        return Reflect.apply(listen, this, args);
      },
  );

  // Runs before the cluster's own listener, which closes the servers. There is no public event.
  process.prependListener('internalMessage', (message) => {
    if (message?.cmd === 'NODE_CLUSTER' && message.act === 'disconnect' && drain.since === undefined) begin();
  });

  function track(server) {
    if (tracked.has(server)) return;
    tracked.add(server);
    const open = { secure: new Set(), sessions: new Set() };
    servers.set(server, open);
    server.on('listening', () => servers.set(server, open));
    // While draining, the program may close it once more.
    server.on('close', () => drain.since === undefined && servers.delete(server));
    const keep = (set, each) => {
      set.add(each);
      each.once('close', () => set.delete(each));
    };
    if (isSecure(server)) server.on('secureConnection', (socket) => keep(open.secure, socket));
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
    // The cluster does not close servers that this worker bound itself (`reusePort`, `exclusive`).
    setImmediate(() => {
      for (const server of servers.keys()) if (server.listening) server.close();
    });
    drain.timer = setInterval(check, CHECK_INTERVAL);
    // A program without a handler may exit earlier.
    if (!hasHandler()) drain.timer.unref();
    check();
  }

  /** Runs after the poll phase, when data that has arrived was read, so that its connection does not count as idle. */
  function check() {
    setImmediate(() => {
      const open = closeIdleConnections();
      if (!drain.isNotified && (open.ending === 0 || performance.now() - drain.since >= signalAfter)) notify();
      if (!drain.isNotified) return;
      if (!drain.hadHandler) endIfQuiet(open);
      else if (open.ending === 0) clearInterval(drain.timer);
    });
  }

  function hasHandler() {
    return isHandled() || shutdownMessage;
  }

  /** The listeners of the package signal-exit, which many others use, only tidy up before the process ends. */
  function isHandled() {
    const emitters = [process.__signal_exit_emitter__, globalThis[Symbol.for('signal-exit emitter')]];
    const tidying = emitters.reduce((sum, emitter) => sum + (emitter?.count ?? 0), 0);
    return process.listenerCount(signal) > tidying;
  }

  /** Calls the program's handlers. A real signal could come too late for a process that is about to exit. */
  function notify() {
    drain.isNotified = true;
    // A handler that was added with `once` is gone afterwards, but may still be at work.
    drain.hadHandler = hasHandler();
    if (shutdownMessage) process.emit('message', 'shutdown', undefined);
    if (isHandled()) process.emit(signal, signal, constants.signals[signal]);
  }

  /** Ends a program without a handler that something other than a connection keeps alive, such as a timer. */
  function endIfQuiet({ ending, programs }) {
    const now = performance.now();
    if (ending + programs > 0) drain.quietSince = undefined;
    else drain.quietSince ??= now;
    if (now - drain.quietSince >= signalAfter) process.kill(process.pid, signal);
  }

  /** @returns how many connections end by themselves, and how many only the program can end */
  function closeIdleConnections() {
    const now = performance.now();
    const open = { ending: 0, programs: 0 };
    for (const { sessions } of servers.values()) open.ending += sessions.size;
    for (const [socket, server] of connections()) {
      const state = stateOf(server, socket);
      open[state === 'program' ? 'programs' : 'ending'] += 1;
      if (state === 'idle' && idleFor(socket, now) >= idleLimit(server, socket)) halfClose(socket);
    }
    return open;
  }

  /** The servers' sockets, with their servers. Node knows them: to keep a list of them would cost each connection time. */
  function connections() {
    const all = new Map();
    for (const [server, { secure }] of servers) {
      for (const socket of secure) all.set(socket, server);
      // Also those that keep no process alive, and any stream that a program has given the server.
      for (const { socket } of parsersOf(server)) if (socket) all.set(socket, server);
    }
    for (const socket of process._getActiveHandles()) {
      if (socket instanceof net.Socket && servers.has(socket.server)) all.set(socket, socket.server);
    }
    // A secure socket stands for the one that it has wrapped.
    for (const socket of [...all.keys()]) all.delete(socket._parent);
    return all;
  }

  /** @returns {'busy' | 'idle' | 'program'} */
  function stateOf(server, socket) {
    if (!isHttp1(server) && !isHttp2(server)) return 'busy';
    if (socket.bytesRead === 0 || isInHandshake(server, socket)) return 'idle';
    // Upgraded, or an HTTP/2 session.
    if (!socket.parser) return 'program';
    const answer = socket._httpMessage;
    if (!answer) return 'idle';
    return isEventStream(answer) ? 'program' : 'busy';
  }

  /** @returns how long no data has arrived, as far as the checks have seen */
  function idleFor(socket, now) {
    const last = lastReads.get(socket);
    if (last?.bytes === socket.bytesRead) return now - last.since;
    lastReads.set(socket, { bytes: socket.bytesRead, since: now });
    return 0;
  }

  function idleLimit(server, socket) {
    if (socket.bytesRead === 0 || isInHandshake(server, socket)) return IDLE_BEFORE_REQUEST;
    return server.keepAliveTimeout > 0 ? Math.min(server.keepAliveTimeout + 1000, IDLE) : IDLE;
  }

  function halfClose(socket) {
    socket.end();
    setTimeout(() => socket.destroy(), HALF_CLOSED).unref();
  }

  /** From Node 19 on, `server.close()` would cut off requests in flight. */
  function keepIdleConnections() {
    for (const { Server } of [require('node:http'), require('node:https')]) {
      if (Server.prototype.closeIdleConnections) wrap(Server.prototype, 'closeIdleConnections', () => () => {});
    }
  }

  /** The program may close servers that the drain has closed. The first such call succeeds, as if the server were open. */
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
          if (status !== 101 && !this.headersSent && isLastOnTrackedConnection(this)) {
            const last = rest.findLastIndex((each) => each !== undefined);
            this.removeHeader('Keep-Alive');
            if (Array.isArray(rest[last])) rest[last] = listWithClose(rest[last]);
            else if (isObject(rest[last])) rest[last] = objectWithClose(rest[last]);
            else this.setHeader('Connection', 'close');
          }
          return Reflect.apply(writeHead, this, [status, ...rest]);
        },
    );
  }

  /** An answer with `Connection: close` is the connection's last, so requests pipelined behind it would get none. */
  function isLastOnTrackedConnection({ req, socket }) {
    const { server, parser } = socket ?? req?.socket ?? {};
    // A client that always has a request waiting cannot go on for ever.
    return servers.has(server) && (drain.isNotified || !parser?.incoming || parser.incoming === req);
  }

  /** Sends GOAWAY with the ID of the last stream. A GOAWAY notice before that one makes streams hang. */
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

/** The parsers of an HTTP/1 server's connections. */
function parsersOf(server) {
  const symbol = Object.getOwnPropertySymbols(server).find(
    ({ description }) => description === 'http.server.connections',
  );
  return server[symbol]?.all?.() ?? [];
}

const isObject = (value) => typeof value === 'object' && value !== null;

const isAboutConnection = (name) => /^(connection|keep-alive)$/i.test(name);

/** For headers as an array: of pairs, or of alternating names and values. */
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

/** Replaces a method by one with the same name and length. */
function wrap(prototype, name, make) {
  const original = prototype[name];
  const wrapped = make(original);
  for (const each of ['name', 'length']) {
    Object.defineProperty(wrapped, each, { value: original[each], configurable: true });
  }
  prototype[name] = wrapped;
}
