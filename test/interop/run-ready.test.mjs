// `crossfork run --ready-url`: workers count as up when they answer a request well.
import assert from 'node:assert';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, get } from '../http.mjs';
import { EveryNode } from './every-node.mjs';
import { Load } from './load.mjs';
import { SOON, supervise, variables } from './supervised.mjs';

const DEADLINE = { timeout: 240_000 };

const suite = new EveryNode();

function start(t, runtime, { args = [], ...what } = {}) {
  return supervise(t, runtime, { app: 'health', args: ['--ready-url', '/health', ...args], ...what });
}

for (const balance of ['rr', 'shared']) {
  suite.test(
    `${balance}: a worker is asked by itself until it answers well, and a reload asks the new ones`,
    DEADLINE,
    async (t, runtime) => {
      const args = ['--balance', balance, ...SOON];
      const run = start(t, runtime, { args, env: { MODE: 'slowly' } });
      const port = await run.port();
      run.kill('SIGHUP');
      await run.said(/^\[crossfork\] reloaded$/);
      // Each worker was asked three times, and no other got its requests.
      const line = /^\[\d (\d+)\] health: (\d+) for localhost from 127\.0\.0\.1$/;
      const asked = new Map();
      for (const [, pid, status] of await run.said(line, 12)) {
        asked.set(pid, [...(asked.get(pid) ?? []), status]);
      }
      assert.deepStrictEqual([...asked.values()], Array(4).fill(['503', '503', '200']), run.text);
      assert.strictEqual((await get(port)).status, 200);
      assert.strictEqual(await run.stop(), 0, run.text);
    },
  );
}

for (const [what, mode, why] of [
  ['throws', 'throws', 'exited before it was up'],
  ['never listens', 'silent', 'does not listen'],
  ['crashes after a second', 'crashes', 'exited (?:too soon after|before) it was up'],
  ['answers 500', 'unwell', 'answers GET /health with status 500'],
  ['resets the connection', 'resets', 'does not answer GET /health: .*'],
  ['never answers', 'mute', 'has not answered the request of --ready-url'],
]) {
  suite.test(`a reload with a program that ${what} changes nothing for clients`, DEADLINE, async (t, runtime) => {
    const file = variables(t, '');
    const args = ['--env-file', file.path, '--listen-timeout', '4', '--min-uptime', '3'];
    const run = start(t, runtime, { args });
    const port = await run.port();
    const old = await run.workers();
    const loads = ['a connection each', 'keep-alive'].map((kind) => new Load(kind, port));
    t.after(() => Promise.all(loads.map((load) => load.stop())));
    for (const load of loads) await load.answered(50);
    file.write(`MODE=${mode}`);
    run.kill('SIGHUP');
    await run.said(new RegExp(`^\\[crossfork\\] RELOAD FAILED: the new worker 0 \\(pid \\d+\\) ${why}\\.`));
    await run.said(/^\[crossfork\] worker 0 \(pid \d+\) has ended/);
    for (const load of loads) await load.answered(50);
    const failures = await Promise.all(loads.map((load) => load.stop()));
    assert.deepStrictEqual(failures.flat(), [], run.text);
    for (const pid of old)
      assert.ok(
        loads.some(({ texts }) => texts.has(`${pid}`)),
        `${pid} serves`,
      );
    assert.strictEqual(await run.stop(), 0, run.text);
  });
}

suite.test('other answers that count: redirects, and what comes after early hints', DEADLINE, async (t, runtime) => {
  for (const MODE of ['moved', 'early']) {
    const run = start(t, runtime, { args: ['-i', '1'], env: { MODE } });
    await run.port(1);
    assert.strictEqual(await run.stop(), 0, run.text);
  }
});

suite.test('the first server is asked, or the one at the port of the URL', DEADLINE, async (t, runtime) => {
  const path = join(mkdtempSync(join(tmpdir(), 'crossfork-')), 'socket');
  t.after(() => rmSync(join(path, '..'), { recursive: true }));
  const unix = start(t, runtime, { args: ['-i', '1'], env: { SOCKET: path } });
  await unix.said(/^\[crossfork\] worker 0 \(pid \d+\) listens$/);
  await unix.said(/health: 200 for localhost from none$/);
  assert.strictEqual(await unix.stop(), 0, unix.text);

  const port = await freePort();
  const args = ['-i', '1', '--ready-url', `http://example.org:${port}/health?deep`];
  const second = supervise(t, runtime, { app: 'health', args, env: { OTHER: '1', PORT: `${port}` } });
  await second.said(/^\[crossfork\] worker 0 \(pid \d+\) listens$/);
  await second.said(new RegExp(`health: 200 for example\\.org:${port} from 127\\.0\\.0\\.1$`));
  assert.strictEqual(await second.stop(), 0, second.text);
});

suite.test('a first start that never answers well ends it all, and says why', DEADLINE, async (t, runtime) => {
  const args = ['-i', '1', '--listen-timeout', '3', '--start-attempts', '2'];
  const run = start(t, runtime, { args, env: { MODE: 'unwell' } });
  assert.strictEqual(await run.end(), 3, run.text);
  await run.said(/has not come up in [\d.]+m?s, and is killed: it answers GET \/health with status 500$/);
});

suite.test('a stop withdraws a request that a worker does not answer', DEADLINE, async (t, runtime) => {
  // Shorter than the time that an answer may take.
  const run = start(t, runtime, { args: ['-i', '1', '--kill-timeout', '4'], env: { MODE: 'mute' } });
  await run.said(/health: no answer$/);
  assert.strictEqual(await run.stop(), 0, run.text);
});

suite.test('an HTTPS server cannot be asked, which is said at once', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime, { args: ['-i', '1', '--start-attempts', '1'], env: { MODE: 'tls' } });
  assert.strictEqual(await run.end(), 3, run.text);
  await run.said(/is killed: it speaks TLS, and --ready-url cannot ask an HTTPS server$/);
});

suite.test('a worker gets no requests before it is ready', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime, { args: ['-i', '1'], env: { MODE: 'slowly' } });
  const [, port] = (await run.said(/^\[\d+ \d+\] port (\d+)$/))[0];
  let asked;
  const onResponse = ({ headers }) => {
    asked = headers['times-asked'];
  };
  const { status } = await get(Number(port), '/', { onResponse });
  assert.deepStrictEqual([status, asked], [200, '3']);
  assert.strictEqual(await run.stop(), 0, run.text);
});

suite.register();
