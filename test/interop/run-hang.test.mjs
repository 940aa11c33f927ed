// `crossfork run --hang-timeout`: workers with a blocked event loop are replaced, and busy ones are not.
import assert from 'node:assert';
import { get } from '../http.mjs';
import { EveryNode } from './every-node.mjs';
import { Load } from './load.mjs';
import { supervise, until } from './supervised.mjs';

const DEADLINE = { timeout: 240_000 };

const suite = new EveryNode();

function start(t, runtime, { args = [], ...what } = {}) {
  return supervise(t, runtime, { app: 'health', args, ...what });
}

/** Sends a request that blocks a worker for ever, and returns the request's end when the worker is blocked. */
async function block(run, port) {
  const ended = get(port, '/block').catch(({ code }) => code);
  const [[, pid]] = await run.said(/^\[\d (\d+)\] blocked$/);
  return { pid: Number(pid), ended };
}

const hangs = (pid) =>
  new RegExp(`^\\[crossfork\\] worker \\d \\(pid ${pid}\\) has not answered for 1s: its event loop is`);

suite.test('a worker in an endless loop is replaced, and no other request is lost', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime, { args: ['-i', '3', '--hang-timeout', '1'] });
  const port = await run.port(3);
  const { pid, ended } = await block(run, port);
  const load = new Load('a connection each', port);
  t.after(() => load.stop());
  await run.said(hangs(pid));
  await run.said(new RegExp(`\\(pid ${pid}\\) has ended: SIGTERM$`));
  assert.strictEqual(await ended, 'ECONNRESET');
  const [, , , fresh] = await run.workers(4);
  await until(() => load.texts.has(`${fresh}`), 'the new worker serves');
  assert.deepStrictEqual(await load.stop(), []);
  assert.strictEqual((await run.workers(4)).length, 4, run.text);
  assert.strictEqual(await run.stop(), 0, run.text);
});

suite.test('clients that a blocked worker was to serve are served by others', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime, { args: ['-i', '1', '--hang-timeout', '1'] });
  const port = await run.port(1);
  const { ended } = await block(run, port);
  const answers = await Promise.all(Array.from({ length: 20 }, () => get(port)));
  const [, fresh] = await run.workers(2);
  assert.ok(answers.every(({ body }) => Number(body) === fresh));
  assert.strictEqual(await ended, 'ECONNRESET');
  assert.strictEqual(await run.stop(), 0, run.text);
});

suite.test('with --trace-sigint, a blocked worker writes a stack before it ends', DEADLINE, async (t, runtime) => {
  const args = ['-i', '1', '--hang-timeout', '1', '--node-args=--trace-sigint'];
  const run = start(t, runtime, { args, env: { MODE: 'handler' } });
  const { pid } = await block(run, await run.port(1));
  await run.said(hangs(pid));
  await run.said(new RegExp(`^\\[0 ${pid}\\] KEYBOARD_INTERRUPT: Script execution was interrupted`));
  await run.said(new RegExp(`\\(pid ${pid}\\) has ended: (?:exit code 130|SIGINT)$`));
  await run.workers(2);
  assert.strictEqual(await run.stop(), 0, run.text);
});

suite.test(
  'a blocked worker with a handler for SIGTERM gets SIGKILL, and its replacement is up before',
  DEADLINE,
  async (t, runtime) => {
    const run = start(t, runtime, { args: ['-i', '1', '--hang-timeout', '1'], env: { MODE: 'handler' } });
    const port = await run.port(1);
    const { pid } = await block(run, port);
    const [, fresh] = await run.workers(2);
    assert.strictEqual(Number((await get(port)).body), fresh);
    await run.said(new RegExp(`\\(pid ${pid}\\) has not ended in 2s, and is killed$`));
    await run.said(new RegExp(`\\(pid ${pid}\\) has ended: SIGKILL$`));
    assert.strictEqual(await run.stop(), 0, run.text);
  },
);

suite.test('a worker that hangs while it starts, and has never listened, is replaced', DEADLINE, async (t, runtime) => {
  const args = ['-i', '1', '--hang-timeout', '1', '--kill-timeout', '2'];
  const run = start(t, runtime, { args, env: { MODE: 'hangs' } });
  await run.said(/^\[crossfork\] worker 0 \(pid \d+\) has not answered for 1s: its event loop is blocked\./, 2);
  assert.strictEqual(await run.stop(), 124, run.text);
});

suite.test('workers that are busy, or blocked for less than the timeout, stay', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime, { args: ['--hang-timeout', '5'], env: { MODE: 'busy' } });
  const port = await run.port();
  for (let i = 0; i < 3; i++) await Promise.all([get(port, '/block?ms=1000'), get(port, '/block?ms=1000')]);
  assert.strictEqual((await run.workers(2)).length, 2, run.text);
  assert.strictEqual(await run.stop(), 0, run.text);
  assert.doesNotMatch(run.text, /has not answered/);
});

suite.test('a supervisor that was stopped for a while blames no worker', DEADLINE, async (t, runtime) => {
  const run = start(t, runtime, { args: ['-i', '2', '--hang-timeout', '4'] });
  const port = await run.port();
  const all = [...(await run.workers()), run.child.pid];
  // The supervisor last, when it waits for answers, which it asks for each second.
  for (const pid of all) {
    process.kill(pid, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 700));
  }
  await new Promise((resolve) => setTimeout(resolve, 5000));
  for (const pid of all.reverse()) process.kill(pid, 'SIGCONT');
  for (let i = 0; i < 20; i++) await get(port);
  assert.doesNotMatch(run.text, /has not answered/);
  assert.strictEqual(await run.stop(), 0, run.text);
});

suite.register();
