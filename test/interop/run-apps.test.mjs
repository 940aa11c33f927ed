// Unmodified servers under `crossfork run`, on every Node.
import assert from 'node:assert';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import tls from 'node:tls';
import { get } from '../http.mjs';
import { scratch } from '../scratch.mjs';
import { app } from './apps/index.mjs';
import { EveryNode } from './every-node.mjs';
import { SOON, supervise, within } from './supervised.mjs';

const { WebSocket } = createRequire(app('ws'))('ws');

const DEADLINE = { timeout: 240_000 };

const suite = new EveryNode();

for (const name of ['express', 'fastify', 'koa']) {
  const skip = ({ major }) => name === 'fastify' && major < 20 && 'this version of Fastify needs Node 20';
  suite.test(`CLU-13: all workers serve ${name}`, { ...DEADLINE, skip }, async (t, runtime) => {
    const run = supervise(t, runtime, { app: name });
    const port = await run.port();
    const pids = [];
    for (let i = 0; i < 10; i++) pids.push(JSON.parse((await get(port)).body).pid);
    assert.deepStrictEqual([...new Set(pids)].sort(), (await run.workers()).sort());
    const body = 'x'.repeat(50_000);
    const headers = { 'content-type': 'text/plain' };
    const echo = await get(port, '/echo', { method: 'POST', headers, body });
    assert.deepStrictEqual(echo, { status: 200, body });
    assert.strictEqual(await run.stop(), 0, run.text);
  });

  suite.test(`CLU-11: workers serve ${name} through a shared socket`, { ...DEADLINE, skip }, async (t, runtime) => {
    const run = supervise(t, runtime, { app: name, args: ['--balance', 'shared'] });
    const port = await run.port();
    const workers = await run.workers();
    for (let i = 0; i < 10; i++) assert.ok(workers.includes(JSON.parse((await get(port)).body).pid));
    assert.strictEqual(await run.stop(), 0, run.text);
  });
}

suite.test(
  'ws: a WebSocket stays with its worker until it is closed, even during a reload',
  DEADLINE,
  async (t, runtime) => {
    const run = supervise(t, runtime, { app: 'ws', args: SOON });
    const port = await run.port();
    const old = await run.workers();
    const first = [await connect(t, port), await connect(t, port)];
    assert.deepStrictEqual((await Promise.all(first.map(whoAnswers))).sort(), [...old].sort());
    run.kill('SIGHUP');
    await run.said(/^\[crossfork\] reloaded$/);
    const fresh = (await run.workers(4)).slice(2);
    assert.ok(fresh.includes(await whoAnswers(await connect(t, port))));
    assert.deepStrictEqual((await Promise.all(first.map(whoAnswers))).sort(), [...old].sort());
    for (const socket of first) socket.close();
    for (const pid of old) await run.said(new RegExp(`\\(pid ${pid}\\) has ended: exit code 0$`));
  },
);

for (const version of ['TLSv1.2', 'TLSv1.3']) {
  suite.test(`HTTPS: another worker resumes a ${version} session`, DEADLINE, async (t, runtime) => {
    const run = supervise(t, runtime, { app: 'https', args: SOON });
    const port = await run.port();
    const first = await secure(port, version);
    assert.strictEqual(first.reused, false);
    const second = await secure(port, version, first.session);
    assert.notStrictEqual(second.pid, first.pid);
    assert.strictEqual(second.reused, true);
    // New workers get the same keys as long as the server exists.
    run.kill('SIGHUP');
    await run.said(/^\[crossfork\] reloaded$/);
    const third = await secure(port, version, first.session);
    assert.ok(![first.pid, second.pid].includes(third.pid));
    assert.strictEqual(third.reused, true);
    assert.strictEqual(await run.stop(), 0, run.text);
  });
}

suite.test('CLU-11: UDP is answered, even during a reload', DEADLINE, async (t, runtime) => {
  const run = supervise(t, runtime, { app: 'udp', args: SOON });
  const port = await run.port();
  const workers = await run.workers();
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  const ask = async (text) => {
    const answer = once(socket, 'message');
    socket.send(text, port, '127.0.0.1');
    const [message] = await within(answer, `the answer to ${text}`);
    const [pid, rest] = `${message}`.split(' ');
    assert.strictEqual(rest, text);
    return Number(pid);
  };
  for (let i = 0; i < 10; i++) assert.ok(workers.includes(await ask(`${i}`)));
  run.kill('SIGHUP');
  for (const pid of workers) await run.said(new RegExp(`\\(pid ${pid}\\) has ended: exit code 0$`));
  const fresh = (await run.workers(4)).slice(2);
  for (let i = 0; i < 10; i++) assert.ok(fresh.includes(await ask(`${i}`)));
  assert.strictEqual(await run.stop(), 0, run.text);
});

suite.test('CLU-6: a Unix path is served, and removed at the end', DEADLINE, async (t, runtime) => {
  const folder = scratch(t);
  const path = join(folder, 'socket');
  const run = supervise(t, runtime, { env: { SOCKET: path } });
  const workers = await run.workers();
  const pids = new Set();
  for (let i = 0; i < 10; i++) pids.add(Number((await get(path)).body));
  assert.deepStrictEqual([...pids].sort(), workers.sort());
  assert.strictEqual(await run.stop(), 0, run.text);
  assert.ok(!existsSync(path));
});
suite.register();

async function connect(t, port) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`);
  t.after(() => socket.terminate());
  await within(once(socket, 'open'), 'the WebSocket to open');
  return socket;
}

async function whoAnswers(socket) {
  const answer = once(socket, 'message');
  socket.send('hello');
  const [pid, text] = `${(await within(answer, 'an answer over the WebSocket'))[0]}`.split(' ');
  assert.strictEqual(text, 'hello');
  return Number(pid);
}

/** Sends one request over TLS. Returns which worker answered, whether the session was resumed, and the next session. */
async function secure(port, version, session) {
  const socket = tls.connect({
    port,
    host: '127.0.0.1',
    minVersion: version,
    maxVersion: version,
    session,
    rejectUnauthorized: false,
  });
  try {
    const ticket = once(socket, 'session');
    await within(once(socket, 'secureConnect'), 'a TLS connection');
    const reused = socket.isSessionReused();
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    let answer = '';
    for await (const data of socket) answer += data;
    const next = reused ? session : (await within(ticket, 'a session'))[0];
    return { pid: JSON.parse(/\{.*\}/.exec(answer)[0]).pid, reused, session: next };
  } finally {
    socket.destroy();
  }
}
