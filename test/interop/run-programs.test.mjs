// Unmodified programs under `crossfork run`, each started as its documentation says.
import assert from 'node:assert';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { freePort, get } from '../http.mjs';
import { app } from './apps/index.mjs';
import { EveryNode } from './every-node.mjs';
import { Load } from './load.mjs';
import { SOON, supervise, until, within } from './supervised.mjs';
import { survives } from './unmodified.mjs';

const { io } = createRequire(app('socket-io'))('socket.io-client');

const DEADLINE = { timeout: 240_000 };

/** `since` is the oldest Node that it runs on. */
const PROGRAMS = [
  { name: 'Express 5', file: 'express' },
  { name: 'Express 4', file: 'express4', hooks: [/SIGTERM: closing HTTP server$/, /HTTP server closed$/] },
  {
    name: 'Fastify with close-with-grace',
    file: 'close-with-grace.mjs',
    since: 20,
    hooks: [/Fastify closed$/, /closed with grace: SIGTERM$/],
  },
  { name: 'Koa', file: 'koa' },
  { name: 'Hono', file: 'hono.mjs', since: 20, hooks: [/closed: no error$/] },
  // It sends itself the signal again in the end.
  {
    name: 'terminus',
    file: 'terminus',
    hooks: [/server is starting cleanup$/, /cleanup finished, server is shutting down$/],
    ends: /SIGTERM/,
  },
  { name: 'signal-exit', file: 'signal-exit', hooks: [/exit hook: 0 null$/] },
  { name: 'an HTTPS server', file: 'https', requests: { secure: true } },
  { name: 'an HTTP server with undici clients', file: 'load', kinds: ['undici'] },
  { name: 'an ES module with top-level await', file: 'top-level-await.mjs' },
  { name: 'TypeScript with --import tsx', file: 'typescript.ts', args: ['--node-args', '--import tsx'] },
  { name: 'TypeScript with tsx in NODE_OPTIONS', file: 'typescript.ts', env: { NODE_OPTIONS: '--import tsx' } },
  { name: 'TypeScript, stripped by Node', file: 'typescript.ts', since: 22 },
];

const suite = new EveryNode();

for (const { name, file, since = 18, args = [], env, ...about } of PROGRAMS) {
  const skip = ({ major }) => major < since && `it needs Node ${since}`;
  suite.test(`${name}: a reload and a stop lose nothing`, { ...DEADLINE, skip }, async (t, runtime) => {
    const folder = dirname(app(file));
    const run = supervise(t, runtime, { app: app(file), args: ['--cwd', folder, ...SOON, ...args], env });
    await survives(t, run, await run.port(), about);
  });
}

suite.test('http-proxy: a reload and a stop lose nothing', DEADLINE, async (t, runtime) => {
  const backend = http.createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
  t.after(() => {
    backend.close();
    backend.closeAllConnections();
  });
  await once(backend, 'listening');
  const env = { BACKEND: `http://127.0.0.1:${backend.address().port}` };
  const run = supervise(t, runtime, { app: 'http-proxy', args: SOON, env });
  await survives(t, run, await run.port());
});

const withoutNginx = spawnSync('nginx', ['-v']).error && 'nginx is not installed';
suite.test(
  'behind nginx with keep-alive connections, a reload loses nothing',
  { ...DEADLINE, skip: () => withoutNginx },
  async (t, runtime) => {
    const run = supervise(t, runtime, { app: 'load', args: SOON });
    const front = await nginx(t, await run.port());
    const load = new Load('keep-alive', front);
    t.after(() => load.stop());
    await load.answered(100);
    run.kill('SIGHUP');
    await run.said(/^\[crossfork\] reloaded$/);
    await run.said(/has ended: exit code 0$/, 2);
    await load.answered(100);
    assert.deepStrictEqual(await load.stop(), []);
    assert.strictEqual(await run.stop(), 0, run.text);
  },
);

suite.test(
  'Socket.IO: every message is answered, and clients come back after a reload',
  DEADLINE,
  async (t, runtime) => {
    const run = supervise(t, runtime, { app: 'socket-io' });
    const port = await run.port();
    // Several workers without sticky sessions: only WebSockets.
    const options = { transports: ['websocket'], forceNew: true, retries: 10, ackTimeout: 5000, reconnectionDelay: 50 };
    const sockets = Array.from({ length: 6 }, () => io(`http://127.0.0.1:${port}`, options));
    t.after(() => sockets.map((socket) => socket.close()));
    const echoes = (round) =>
      Promise.all(
        sockets.map(async (socket, i) => assert.strictEqual(await socket.emitWithAck('echo', i + round), i + round)),
      );
    await within(echoes(0), 'answers');
    const back = sockets.map(
      (socket) => new Promise((resolve) => socket.once('disconnect', () => socket.once('connect', resolve))),
    );
    run.kill('SIGHUP');
    let reloads = true;
    const meanwhile = (async () => {
      for (let round = 1; reloads; round++) await echoes(round);
    })();
    await within(Promise.all(back), () => `all clients to come back, after\n${run.text}`);
    await run.said(/^\[crossfork\] reloaded$/);
    reloads = false;
    await within(meanwhile, 'answers');
    await run.said(/has ended: exit code 0$/, 2);
    for (const socket of sockets) socket.io.reconnection(false);
    assert.strictEqual(await run.stop(), 0, run.text);
    await run.said(/Socket.IO closed$/, 4);
  },
);

suite.register();

/** Starts nginx in front of a port. It repeats no request. Returns its port. */
async function nginx(t, port) {
  const folder = mkdtempSync(join(tmpdir(), 'crossfork-nginx-'));
  const front = await freePort();
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; master_process off; pid nginx.pid; error_log stderr;
    events {}
    http {
      access_log off;
      client_body_temp_path .; proxy_temp_path .; fastcgi_temp_path .; uwsgi_temp_path .; scgi_temp_path .;
      upstream app { server 127.0.0.1:${port}; keepalive 16; }
      server {
        listen 127.0.0.1:${front};
        location / {
          proxy_pass http://app;
          proxy_http_version 1.1;
          proxy_set_header Connection "";
          proxy_next_upstream off;
        }
      }
    }`,
  );
  const child = spawn('nginx', ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(child, 'exit');
  t.after(async () => {
    child.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  await until(
    () =>
      get(front).then(
        () => true,
        () => false,
      ),
    'nginx answers',
  );
  return front;
}
