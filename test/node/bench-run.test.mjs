// `npm run bench:run`: its clients must count exactly what a server does, or its figures say nothing.
import assert from 'node:assert';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '../bench/run-exams/connection.mjs';
import { Load } from '../bench/run-exams/loads.mjs';
import { talk } from '../bench/run-exams/web-socket.mjs';
import { TIER } from '../cells.mjs';

const FOLDER = join(import.meta.dirname, '../bench/run-exams');
const DEADLINE = { timeout: 60_000 };
const REQUESTS = 100;
/** For requests that get an answer, of which some may hang. */
const PATIENCE_MS = 2500;

const BODY = '1:0\n';
const HEAD = 'HTTP/1.1 200 OK\r\n';
const RIGHT = `${HEAD}Content-Length: ${BODY.length}\r\n\r\n${BODY}`;

/** What a server can do with a request, and the verdict that the client must find. */
const BEHAVIOURS = [
  { verdict: 'ok', act: (socket) => socket.write(RIGHT) },
  { verdict: 'ok', act: (socket) => socket.end(`${HEAD}Connection: close\r\nContent-Length: 4\r\n\r\n${BODY}`) },
  {
    verdict: 'ok',
    act: (socket) => inPieces(socket, `${HEAD}Transfer-Encoding: chunked\r\n\r\n4\r\n${BODY}\r\n0\r\n\r\n`),
  },
  { verdict: 'reset', act: (socket) => socket.resetAndDestroy() },
  { verdict: 'reset', act: (socket) => socket.end() },
  { verdict: 'reset', act: (socket) => socket.end(RIGHT.slice(0, -1)) },
  { verdict: 'reset', act: (socket) => socket.end(`${HEAD}Transfer-Encoding: chunked\r\n\r\n4\r\n${BODY}\r\n`) },
  { verdict: 'wrong', act: (socket) => socket.write(RIGHT.replace('200 OK', '500 Oops')) },
  { verdict: 'wrong', act: (socket) => socket.write(RIGHT.replace(BODY, '1:x\n')) },
  { verdict: 'wrong', act: (socket) => socket.write(`${RIGHT}more`) },
];

for (const kind of ['a connection each', 'keep-alive without pauses', 'keep-alive with pauses', 'open loop']) {
  test(`bench:run, ${kind}: every request gets the right verdict`, DEADLINE, async (t) => {
    const server = await misbehaving(t, (n) => BEHAVIOURS[n % BEHAVIOURS.length]);
    const load = new Load({ port: server.port, kind, perSecond: 1000 });
    await server.asked(REQUESTS);
    assertSame(await load.stop(), server.expected);
  });
}

test('bench:run: exactly a fifth of the requests is reset', DEADLINE, async (t) => {
  const [ok, , , reset] = BEHAVIOURS;
  const server = await misbehaving(t, (n) => (n % 5 === 0 ? reset : ok));
  const load = new Load({ port: server.port, kind: 'keep-alive without pauses' });
  await server.asked(REQUESTS);
  const tally = await load.stop();
  assertSame(tally, server.expected);
  assert.strictEqual(tally.reset, Math.ceil(tally.asked / 5));
});

test('bench:run: requests without a whole answer are counted as hung', DEADLINE, async (t) => {
  const hangs = [() => {}, (socket) => socket.write(HEAD), (socket) => socket.write(RIGHT.slice(0, -1))];
  const server = await misbehaving(t, (n) => {
    return n < hangs.length ? { verdict: 'hung', act: hangs[n] } : BEHAVIOURS[0];
  });
  const load = new Load({ port: server.port, kind: 'a connection each', patience: PATIENCE_MS });
  await server.asked(REQUESTS);
  const tally = await load.stop();
  assert.strictEqual(tally.hung, hangs.length);
  assertSame(tally, server.expected);
});

test('bench:run: without a listener every request is refused', DEADLINE, async (t) => {
  const server = await misbehaving(t, () => BEHAVIOURS[0]);
  await server.close();
  const load = new Load({ port: server.port, kind: 'a connection each' });
  await until(() => load.tally.asked >= 10);
  const tally = await load.stop();
  assert.strictEqual(tally.refused, tally.asked);
});

test('bench:run: a WebSocket is ok with a close frame, and reset without one', DEADLINE, async (t) => {
  for (const { HANDLERS, verdict } of [{ HANDLERS: '1', verdict: 'ok' }, { verdict: 'reset' }]) {
    const { port, close } = await misbehaving(t, () => BEHAVIOURS[0]);
    await close();
    const env = { ...process.env, PORT: `${port}`, ...(HANDLERS && { HANDLERS }) };
    const program = spawn(process.execPath, [join(FOLDER, 'programs/app.cjs')], { env, stdio: ['ignore', 2, 2] });
    t.after(() => program.kill('SIGKILL'));
    await until(async () => (await new Connection(port).ask({ close: true })).verdict === 'ok');
    const spoken = new Map();
    const talking = Array.from({ length: 5 }, (_, i) => {
      return talk(port, PATIENCE_MS, () => {
        spoken.set(i, (spoken.get(i) ?? 0) + 1);
        // The last one says goodbye itself.
        return i === 4 && spoken.get(i) === 3;
      });
    });
    // Whoever speaks again has heard the echo.
    await until(() => [0, 1, 2, 3].every((i) => spoken.get(i) >= 2));
    assert.deepStrictEqual(await talking[4], { verdict: 'ok' });
    program.kill('SIGTERM');
    await once(program, 'exit');
    for (const each of talking.slice(0, 4)) assert.deepStrictEqual(await each, { verdict });
  }
});

const isQuick = TIER !== 'full' && 'it takes minutes';
test('bench:run --quick shows every exam for two runners', { timeout: 600_000, skip: isQuick }, () => {
  const exams = ['handover', 'kills', 'poison', 'deploys'].flatMap((name) => ['--only', name]);
  const runners = ['crossfork run', "Node's cluster"].flatMap((name) => ['--runner', name]);
  const args = [join(FOLDER, 'run.mjs'), '--quick', ...exams, ...runners];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.strictEqual(status, 0, stderr);
  for (const title of ['reload: WebSockets', 'stop: open loop, 100 ms', 'other requests', 'never listens']) {
    assert.match(stdout, new RegExp(`^  ${title}( +\\d.*){2}$`, 'm'));
  }
});

async function until(isDone) {
  while (!(await isDone())) await sleep(10);
}

function inPieces(socket, text) {
  socket.write(text.slice(0, -1));
  setImmediate(() => socket.write(text.slice(-1)));
}

function assertSame(tally, expected) {
  assert.deepStrictEqual({ ...tally }, { ok: 0, refused: 0, reset: 0, hung: 0, wrong: 0, ...expected });
}

/**
 * A server that does with request `n` what `behaviour(n)` says, and keeps account of the verdicts that must come of it.
 * After something else than one right answer, a client must not use the connection again.
 */
async function misbehaving(t, behaviour) {
  const expected = {};
  let count = 0;
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => {
      const { verdict, act } = behaviour(count++);
      expected[verdict] = (expected[verdict] ?? 0) + 1;
      act(socket);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => new Promise((resolve) => server.close(resolve));
  t.after(close);
  const asked = (requests) => until(() => count >= requests);
  return { port: server.address().port, expected, asked, close };
}
