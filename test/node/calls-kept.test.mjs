// What calls leave behind: nothing, once they are over. And the parts of a pool that count, by themselves.
import assert from 'node:assert';
import { EventEmitter, getEventListeners, once } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const require = createRequire(import.meta.url);
const { connectCalls, Pool } = require('../../js/index.cjs');
const { Histogram } = require('../../js/calls/histogram.cjs');
const { Peer } = require('../../js/calls/peer.cjs');
const { Queue } = require('../../js/calls/queue.cjs');
const { until } = require('../interop/kit/wait.cjs');

const METHODS = join(import.meta.dirname, 'calls/workers/methods.cjs');
const turn = () => new Promise(setImmediate);
const upTo = (count) => Array.from({ length: count }, (_, i) => i);

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');

/** Waits until nobody has these any more. */
async function areGone(references, what) {
  await until(() => {
    gc();
    return references.every((one) => one.deref() === undefined);
  }, what);
}

/** A child whose channel takes everything. */
class Child extends EventEmitter {
  connected = true;
  sent = [];

  send(message, _handle, _options, callback) {
    this.sent.push(...(Array.isArray(message) ? message : [message]));
    process.nextTick(callback, null);
    return true;
  }

  says(message) {
    this.emit('message', { jsonrpc: '2.0', ...message });
  }

  disconnect() {
    this.connected = false;
    this.emit('disconnect');
    this.emit('exit', 0, null);
  }
}

for (const serialization of ['json', 'advanced']) {
  test(`kept: neither parameters nor results of calls that are over (${serialization})`, async (t) => {
    const pool = new Pool(METHODS, { size: 1, fork: { serialization } });
    t.after(() => pool.destroy());
    const references = [];
    const make = async (method, params) => {
      references.push(new WeakRef(params));
      const result = await pool.call(method, params);
      references.push(new WeakRef(result));
    };
    await make('echo', { some: 'parameters' });
    await make('echo', ['others']);
    await pool.call('throws', { message: 'm' }).catch((error) => references.push(new WeakRef(error)));
    // The channel may have the last message still.
    await pool.call('echo', 1);
    await areGone(references, 'all are gone');
  });
}

test('kept: nothing of calls that were cancelled while they waited, however long the one before them takes', async (t) => {
  const pool = new Pool(METHODS, { size: 1, concurrency: 1 });
  t.after(() => pool.destroy());
  await pool.ready();
  const running = pool.call('never').catch(() => {});
  const stop = new AbortController();
  const references = [];
  const outcomes = upTo(20).map((i) => {
    const params = { i };
    references.push(new WeakRef(params));
    return pool.call('echo', params, { signal: stop.signal }).catch(({ code }) => code);
  });
  stop.abort();
  assert.deepStrictEqual(new Set(await Promise.all(outcomes)), new Set(['ERR_CALL_ABORTED']));
  await areGone(references, 'their parameters are gone');
  pool.destroy();
  await running;
});

test("kept: nothing of a peer's calls that it has cancelled while they waited", async () => {
  const child = new Child();
  connectCalls(child, { methods: { hold: () => new Promise(() => {}) }, concurrency: 1 });
  child.says({ id: 'runs', method: 'hold' });
  const references = upTo(20).map((id) => {
    const params = [{ id }];
    child.says({ id, method: 'hold', params });
    child.says({ method: '$/cancelRequest', params: { id } });
    return new WeakRef(params[0]);
  });
  await turn();
  assert.strictEqual(child.sent.length, 20);
  child.sent.length = 0;
  await areGone(references, 'their parameters are gone');
  child.disconnect();
});

test('kept: nothing that is told to a peer that is gone', async () => {
  const child = new Child();
  const contexts = [];
  const peer = connectCalls(child, { methods: { hold: (_, cx) => new Promise(() => contexts.push(cx)) } });
  child.says({ id: 1, method: 'hold', crossfork: { bundles: 1 } });
  await turn();
  const { machine } = Peer.partsOf(peer).connection;
  child.disconnect();
  for (const i of upTo(100)) {
    peer.notify('note', i);
    contexts[0].progress(i);
    contexts[0].peer.notify('note', i);
  }
  assert.strictEqual(machine.queued, 0);
  assert.strictEqual(child.sent.length, 0);
});

test('kept: no listener of a signal that many calls had, and it is warned of none', async (t) => {
  const warnings = [];
  const note = ({ name, message }) => warnings.push(`${name}: ${message}`);
  process.on('warning', note);
  t.after(() => process.off('warning', note));
  const pool = new Pool(METHODS, { size: 1 });
  t.after(() => pool.destroy());
  const { signal } = new AbortController();
  const calls = upTo(50).map((i) => pool.call('echo', i, { signal }));
  assert.strictEqual(getEventListeners(signal, 'abort').length, 1, 'one for all of them');
  await Promise.all(calls);
  for await (const _ of pool.map('echo', upTo(50), { inFlight: 20, signal }));
  assert.strictEqual(getEventListeners(signal, 'abort').length, 0);
  await turn();
  assert.deepStrictEqual(warnings, []);
});

test('kept: nothing of a call whose caller has gone before it was made', async (t) => {
  const pool = new Pool(METHODS, { size: 1 });
  t.after(() => pool.destroy());
  let isClosed = false;
  const rows = {
    [Symbol.asyncIterator]: () => ({
      next: () => assert.fail('nobody reads it'),
      return: async () => {
        isClosed = true;
      },
    }),
  };
  const call = pool.call('echo', rows, { signal: AbortSignal.abort() });
  await assert.rejects(call, { code: 'ERR_CALL_ABORTED' });
  assert.ok(isClosed, 'the upload is closed');
  const { waiting, running } = pool.stats();
  assert.deepStrictEqual([waiting, running], [0, 0]);
});

test('kept: progress and stderr of a worker that is killed are no longer listened to', async () => {
  const pool = new Pool(METHODS, { size: 1 });
  await pool.ready();
  const [{ process: child }] = pool.workers;
  const exit = once(child, 'exit');
  await pool.destroy();
  await exit;
  await turn();
  assert.strictEqual(child.listenerCount('message'), 0);
});

// The parts by themselves

/** Calls that wait, as a queue sees them. */
const waiting = (priority, order) => ({ state: 'waiting', priority, order });

test('queue: the higher priority first, and among equals the older, whoever leaves in between', () => {
  // The same numbers each time.
  let seed = 7;
  const random = (below) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  const queue = new Queue();
  let expected = [];
  for (let order = 0; order < 5000; order++) {
    const call = waiting(random(5) - 2, order);
    queue.push(call);
    expected.push(call);
    if (random(3) === 0) {
      const [gone] = expected.splice(random(expected.length), 1);
      gone.state = 'over';
      queue.left();
    }
    if (random(4) === 0 && expected.length > 0) {
      expected.sort((a, b) => b.priority - a.priority || a.order - b.order);
      assert.strictEqual(queue.peek(), expected[0]);
      assert.strictEqual(queue.shift(), expected.shift());
    }
  }
  assert.deepStrictEqual(new Set(queue), new Set(expected));
  expected = expected.sort((a, b) => b.priority - a.priority || a.order - b.order);
  for (const call of expected) assert.strictEqual(queue.shift(), call);
  assert.deepStrictEqual([queue.peek(), queue.shift(), [...queue]], [undefined, undefined, []]);
  queue.push(waiting(0, 1));
  assert.strictEqual(queue.peek().order, 1, 'an empty one is as good as new');
});

test('histogram: a percentile is an eighth too large at most, from a microsecond to a month', () => {
  for (const ms of [0, 0.0004, 0.001, 0.5, 1, 7.3, 1000, 86_400_000, 31 * 86_400_000]) {
    const histogram = new Histogram();
    histogram.record(ms);
    const { count, min, mean, p50, p99, max } = histogram.summary();
    assert.deepStrictEqual([count, min, mean, max], [1, ms, ms, ms]);
    assert.deepStrictEqual([p50, p99], [ms, ms], 'it is the only one');
  }
  const histogram = new Histogram();
  for (let i = 1; i <= 1000; i++) histogram.record(i / 10);
  const { p50, p90, p99 } = histogram.summary();
  for (const [is, exact] of [
    [p50, 50],
    [p90, 90],
    [p99, 99],
  ]) {
    assert.ok(is >= exact && is <= exact * 1.125 + 0.001, `${is} for ${exact}`);
  }
});
