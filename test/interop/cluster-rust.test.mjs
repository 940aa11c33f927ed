// {our primary} x {the three Rust workers} x {round robin, shared sockets} x {json, advanced}: Rust workers under a Rust primary.
import assert from 'node:assert';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';
import { AT_ONCE, selected } from '../cells.mjs';
import { get } from '../http.mjs';
import { clusterRust as cells } from './cells.mjs';
import { workers } from './cluster/workers.mjs';
import { Primary } from './cluster-primary/primary.mjs';

const { within } = createRequire(import.meta.url)('./kit/wait.cjs');

const DEADLINE = { timeout: 240_000 };

describe('Rust workers under our primary', { concurrency: AT_ONCE }, () => {
  for (const { worker, policy: balance, mode: serialization } of selected(cells)) {
    const { kind, binary } = workers.find((one) => one.kind === worker);
    const start = (t) => {
      const settings = { module: kind, args: ['--listen', '127.0.0.1:0'], balance, serialization };
      return new Primary(t, { bin: binary }, settings);
    };
    test(`${kind}, ${balance}, ${serialization}`, async (t) => {
      for (const [name, scenario] of Object.entries(scenarios)) {
        await t.test(name, DEADLINE, (t) => scenario(start(t), balance));
      }
    });
  }
});

const scenarios = {
  async 'CLU-5 CLU-8 CLU-18 CLU-22: a worker is online, listens, and exits with code 0 on disconnect'(primary) {
    const [{ id, port }] = await serving(primary, 1);
    await primary.does('disconnectWorker', { worker: id });
    const { code, flag } = await primary.event({ event: 'exit', worker: id });
    assert.deepStrictEqual({ code, flag }, { code: 0, flag: true });
    const names = primary.events.map(({ event }) => event);
    assert.deepStrictEqual(names, ['setup', 'fork', 'online', 'listening', 'disconnect', 'exit']);
    await assert.rejects(answerer(port), { code: 'ECONNREFUSED' });
  },

  async 'CLU-13 CLU-16: all workers of a port serve it'(primary, balance) {
    const [one, other] = await serving(primary, 2);
    assert.strictEqual(one.port, other.port);
    const answers = [];
    for (let i = 0; i < 20; i++) answers.push(await answerer(one.port));
    const ofOne = answers.filter((pid) => pid === one.pid).length;
    assert.strictEqual(ofOne + answers.filter((pid) => pid === other.pid).length, 20);
    // Not strictly in turn, because a worker may acknowledge late: see the tests of the state machine.
    if (balance === 'rr') assert.ok(ofOne > 0 && ofOne < 20, `${ofOne} of 20`);
  },

  async 'CLU-20: if one worker is killed, the other continues to serve'(primary) {
    const [one, other] = await serving(primary, 2);
    await primary.does('kill', { worker: one.id, signal: 'SIGKILL' });
    const { signal, flag } = await primary.event({ event: 'exit', worker: one.id });
    assert.deepStrictEqual({ signal, flag }, { signal: 'SIGKILL', flag: false });
    for (let i = 0; i < 5; i++) assert.strictEqual(await answerer(one.port), other.pid);
  },

  async 'INT-1: ordinary messages are sent in both directions beside cluster messages'(primary) {
    const [{ id }] = await serving(primary, 1);
    await primary.does('send', { worker: id, message: { value: ['ö', 1.5, null] } });
    const { message } = await primary.event({ event: 'message', worker: id });
    assert.deepStrictEqual(message, { value: ['ö', 1.5, null] });
  },

  async 'CLU-19: a worker whose primary is killed exits'(primary) {
    const [{ pid, port }] = await serving(primary, 1);
    assert.strictEqual(await answerer(port), pid);
    primary.kill('SIGKILL');
    // The output ends when the last process that shares it has exited.
    await within(primary.closed, 'the worker to be gone');
  },
};

/** Starts workers, and waits until they listen. Returns their PIDs and ports. */
async function serving(primary, count) {
  const workers = [];
  for (let i = 0; i < count; i++) {
    const { id, pid } = await primary.fork();
    const { address } = await primary.event({ event: 'listening', worker: id });
    workers.push({ id, pid, port: address.port });
  }
  return workers;
}

/** Sends a request over a new connection, and returns the PID of the worker that answers. */
function answerer(port) {
  const answered = get(port).then(({ body }) => Number(/pid is (\d+)/.exec(body)?.[1]));
  return within(answered, 'an answer');
}
