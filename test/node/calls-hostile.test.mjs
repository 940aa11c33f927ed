// Peers that say anything and read nothing, at the other end of a channel that the test makes: what is kept of it is
// bounded, and no call of ours is left without an outcome.
import assert from 'node:assert';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const require = createRequire(import.meta.url);
const { connectCalls, Pool } = require('../../js/index.cjs');

/** A child whose channel takes as much as the test lets it take. */
class Child extends EventEmitter {
  connected = true;
  sent = [];
  /** The channel is full, until `drain`. */
  isFull = false;
  #callbacks = [];

  send(message, _handle, _options, callback) {
    this.sent.push(...(Array.isArray(message) ? message : [message]));
    if (this.isFull) this.#callbacks.push(callback);
    else process.nextTick(callback, null);
    return !this.isFull;
  }

  drain() {
    this.isFull = false;
    for (const callback of this.#callbacks.splice(0)) callback(null);
  }

  says(...members) {
    for (const one of members) this.emit('message', { jsonrpc: '2.0', ...one });
  }

  dies() {
    this.connected = false;
    this.emit('disconnect');
    this.emit('exit', null, 'SIGKILL');
  }
}

const turn = () => new Promise(setImmediate);

/** What is in use, when all that is not was collected. */
function heap() {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}

test('hostile: who calls and cancels behind a call that takes long leaves nothing behind', async () => {
  const child = new Child();
  connectCalls(child, { methods: { hold: () => new Promise(() => {}) }, concurrency: 1 });
  child.says({ id: 'runs', method: 'hold' }, { id: 'waits', method: 'hold' });
  const before = heap();
  for (let id = 0; id < 20_000; id++) {
    const text = Buffer.alloc(5000, `${id} `).toString();
    child.says({ id, method: 'hold', params: [text] }, { method: '$/cancelRequest', params: { id } });
    if (id % 1000 === 999) {
      await turn();
      assert.strictEqual(child.sent.length, 1000, 'each is answered at once');
      for (const { error } of child.sent.splice(0)) assert.strictEqual(error.code, -32800);
    }
  }
  const grown = heap() - before;
  assert.ok(grown < 10e6, `${grown} bytes are kept of 100,000,000`);
  child.dies();
});

test('hostile: what waits is bounded by its bytes, and one alone may have as many as it likes', async () => {
  const child = new Child();
  const seen = [];
  let release;
  const methods = {
    hold: () => new Promise((resolve) => (release = resolve)),
    size: (text) => text.length,
    note: (text) => seen.push(text.length),
    noteSlowly: () => new Promise((resolve) => (release = resolve)),
  };
  connectCalls(child, { methods, concurrency: 1 });
  const MiB = 2 ** 20;
  const text = 'x'.repeat(MiB);
  const codes = () => child.sent.splice(0).map(({ error }) => error?.code ?? 0);
  child.says({ id: 'runs', method: 'hold' }, { id: 'large', method: 'size', params: [text.repeat(300)] });
  child.says({ id: 'small', method: 'size', params: ['x'] });
  await turn();
  assert.deepStrictEqual(codes(), [-32099], 'behind it nothing has room');
  release();
  await turn();
  assert.deepStrictEqual(codes(), [0, 0]);
  child.says({ id: 'runs', method: 'hold' });
  for (let id = 0; id < 300; id++) child.says({ id, method: 'size', params: [[{ text }]] });
  await turn();
  const refused = codes().length;
  assert.ok(refused > 40 && refused < 50, `${refused} of 300 are refused`);
  // Who is cancelled makes room.
  child.says({ method: '$/cancelRequest', params: { id: 0 } }, { id: 'fits', method: 'size', params: [text] });
  await turn();
  assert.deepStrictEqual(codes(), [-32800]);
  release();
  await turn();
  assert.strictEqual(codes().length, 300 - refused + 1);
  child.says({ method: 'noteSlowly' });
  for (let id = 0; id < 300; id++) child.says({ method: 'note', params: [text] });
  child.says({ id: 'last', method: 'size', params: ['x'] });
  await turn();
  assert.deepStrictEqual(codes(), [-32099]);
  release();
  await turn();
  assert.strictEqual(seen.length, 300 - refused, 'those that are too many are dropped');
});

test('hostile: of a peer that reads no answers few calls are carried out', async () => {
  const child = new Child();
  let begun = 0;
  connectCalls(child, { methods: { big: () => `${++begun}`.padEnd(100_000) }, concurrency: 1000 });
  child.isFull = true;
  for (let id = 0; id < 1000; id++) {
    child.says({ id, method: 'big' });
    if (id % 10 === 0) await turn();
  }
  assert.ok(begun < 50, `${begun} answers are kept`);
  child.drain();
  while (begun < 1000) await turn();
  await turn();
  assert.strictEqual(new Set(child.sent.map(({ id }) => id)).size, 1000, 'each is answered when it reads again');
  assert.strictEqual(child.sent.length, 1000);
});

test('hostile: who reads no answers is not told of what is refused, beyond a limit', async () => {
  const child = new Child();
  connectCalls(child, { methods: { f: () => 1 } });
  child.isFull = true;
  child.says({ id: 'first', method: 'f' });
  await turn();
  const before = heap();
  for (let id = 0; id < 1_000_000; id++) child.says({ id, method: 'nobody' });
  const kept = (heap() - before) / 1_000_000;
  assert.ok(kept < 100, `${kept} bytes of each are kept`);
  child.drain();
  await turn();
  assert.ok(child.sent.length < 200_000, `${child.sent.length}`);
});

test('hostile: progress and items that nobody has asked for are not kept', async () => {
  const child = new Child();
  const peer = connectCalls(child, {});
  const reports = [];
  const call = peer.call('f', 1, { onProgress: (value) => reports.push(value) });
  const stream = peer.stream('rows');
  await turn();
  const [{ id }, { id: rows }] = child.sent;
  const before = heap();
  const progress = (token, value) => child.says({ method: '$/progress', params: { token, value } });
  for (let i = 0; i < 100_000; i++) {
    progress(id, { items: [`${i}`.padEnd(1000)] });
    progress(rows, { progress: `${i}`.padEnd(1000) });
    progress(i + 10, { progress: `${i}`.padEnd(1000) });
  }
  assert.ok(heap() - before < 10e6, 'nothing of it is kept');
  progress(rows, { items: Array(1_000_000).fill('a row') });
  await assert.rejects(stream.next(), { code: 'ERR_CALL_STREAM_OVERFLOW' });
  await turn();
  assert.deepStrictEqual(child.sent.at(-1).params, { id: rows }, 'it is cancelled');
  child.says({ id, result: 'the answer' });
  progress(id, { progress: 'late' });
  assert.strictEqual(await call, 'the answer');
  assert.deepStrictEqual(reports, []);
  assert.strictEqual(peer.inFlight, 1, 'the stream, whose answer has not come');
  child.says({ id: rows, result: null });
  assert.strictEqual(peer.inFlight, 0);
});

test('hostile: errors that are nested without an end, or are none, reject the call and nothing else', async () => {
  const child = new Child();
  const peer = connectCalls(child, {});
  let nested = { name: 'Error', message: 'innermost' };
  for (let i = 0; i < 100_000; i++) nested = { name: 'Error', message: `${i}`, cause: nested };
  let list = [];
  for (let i = 0; i < 100_000; i++) list = [list];
  const errors = [
    { code: -32000, message: 'm', data: nested },
    { code: list, message: list, data: list },
    { code: Number.NaN, message: undefined, data: null },
    { code: '5', message: { toString: 1 }, data: { name: list, code: list, stack: list, cause: list } },
    'a text',
    [],
    7,
    true,
  ];
  for (const error of errors) {
    const call = peer.call('f');
    await turn();
    child.says({ id: child.sent.at(-1).id, error });
    await assert.rejects(call, (rejection) => rejection instanceof Error && typeof rejection.message === 'string');
  }
  assert.strictEqual(peer.inFlight, 0);
});

test('hostile: every call has one outcome when the channel goes in the middle of everything', async () => {
  const child = new Child();
  const peer = connectCalls(child, {
    methods: { hold: (_, { signal }) => new Promise((resolve) => signal.addEventListener('abort', resolve)) },
  });
  const outcomes = [];
  const note = (promise) =>
    promise.then(
      (value) => outcomes.push(value),
      (error) => outcomes.push(error.code),
    );
  const stop = new AbortController();
  const calls = [
    note(peer.call('answered')),
    note(peer.call('pending')),
    note(peer.call('aborted', 1, { signal: stop.signal })),
  ];
  const rows = peer.stream('rows')[Symbol.asyncIterator]();
  await turn();
  const [answered, , , stream] = child.sent.map(({ id }) => id);
  child.says({ id: 'theirs', method: 'hold' });
  child.says({ id: answered, result: 'yes' });
  child.says({ method: '$/progress', params: { token: stream, value: { items: ['first'] } } });
  stop.abort();
  // The channel takes nothing more, and goes.
  child.isFull = true;
  calls.push(note(peer.call('unsent')));
  child.dies();
  child.says({ id: answered, result: 'again' }, { id: 2, result: 'late' });
  await Promise.all(calls);
  assert.deepStrictEqual(outcomes, ['yes', 'ERR_CALL_ABORTED', 'ERR_WORKER_DIED', 'ERR_WORKER_DIED']);
  assert.deepStrictEqual(await rows.next(), { done: false, value: 'first' });
  await assert.rejects(rows.next(), { code: 'ERR_WORKER_DIED' });
  assert.strictEqual(peer.inFlight, 0);
  child.drain();
  await turn();
  assert.ok(!child.sent.some(({ id, result }) => id === 'theirs' && result !== undefined), 'nobody is answered');
});

for (const serialization of ['json', 'advanced']) {
  test(`hostile: parameters and results of 100 MB (${serialization})`, async (t) => {
    const pool = new Pool(join(import.meta.dirname, 'calls/workers/methods.cjs'), { size: 1, fork: { serialization } });
    t.after(() => pool.destroy());
    const text = 'x'.repeat(100 * 2 ** 20);
    const [echoed, small] = await Promise.all([pool.call('echo', text), pool.call('echo', 1)]);
    assert.ok(echoed === text);
    assert.strictEqual(small, 1);
  });
}

test('hostile: a call that each worker dies of before it has read it is given up, and the others go on', async (t) => {
  const worker = join(import.meta.dirname, 'calls/workers/methods.cjs');
  const pool = new Pool(worker, { size: 2, concurrency: 1, fork: { serialization: 'json' } });
  t.after(() => pool.destroy());
  await pool.ready();
  let deaths = 0;
  const kill = ({ call, worker }) => {
    if (typeof call.params[0] !== 'string') return;
    deaths += 1;
    worker.process.kill('SIGSTOP');
    setTimeout(() => worker.process.kill('SIGKILL'), 10);
  };
  subscribe('crossfork:call:sent', kill);
  t.after(() => unsubscribe('crossfork:call:sent', kill));
  const poison = pool.call('echo', 'x'.repeat(10_000_000));
  const others = Array.from({ length: 20 }, (_, i) => pool.call('echo', i));
  await assert.rejects(poison, { code: 'ERR_WORKER_DIED', begun: false });
  assert.strictEqual(deaths, 4);
  assert.deepStrictEqual(
    await Promise.all(others),
    others.map((_, i) => i),
  );
});
