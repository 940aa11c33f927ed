'use strict';

// Results that are streams.

const assert = require('node:assert');
const { Readable } = require('node:stream');
const { MODES, run, until } = require('./kit.cjs');

const inEachMode = (name, scenario) =>
  MODES.map((serialization) => [`${name} (${serialization})`, (t) => scenario(t, { serialization })]);

async function collect(iterable) {
  const all = [];
  for await (const item of iterable) all.push(item);
  return all;
}

/** Numbers without an end, and how many were made. */
function endless() {
  const made = { count: 0, isClosed: false };
  async function* numbers() {
    try {
      while (true) yield made.count++;
    } finally {
      made.isClosed = true;
    }
  }
  return { made, rows: numbers() };
}

const upTo = (count) => Array.from({ length: count }, (_, i) => i);
const lastSeen = async (peer) => (await peer.call('seen')).at(-1);

run(
  Object.fromEntries([
    ...inEachMode('all items come, in order', async (t, options) => {
      const peer = t.connect('methods', options);
      for (const count of [0, 1, 63, 64, 65, 1000]) {
        assert.deepStrictEqual(await collect(peer.stream('numbers', count)), upTo(count));
      }
      assert.deepStrictEqual(await collect(peer.stream('rows', { count: 3 })), [{ i: 0 }, { i: 1 }, { i: 2 }]);
    }),
    ...inEachMode('items that are null or undefined are items', async (t, options) => {
      const peer = t.connect('odd-items', options);
      assert.deepStrictEqual(await collect(peer.stream('items')), [null, 0, '', false, []]);
    }),
    ...inEachMode('an error comes behind the items before it', async (t, options) => {
      const peer = t.connect('methods', options);
      const items = [];
      const read = async () => {
        for await (const { i } of peer.stream('rows', { count: 10, failAt: 3 })) items.push(i);
      };
      await assert.rejects(read(), { name: 'RangeError', message: 'row 3' });
      assert.deepStrictEqual(items, [0, 1, 2]);
    }),
    ...inEachMode('call on a stream collects, and stream on a plain method gives one item', async (t, options) => {
      const peer = t.connect('methods', options);
      assert.deepStrictEqual(await peer.call('numbers', 5), [0, 1, 2, 3, 4]);
      assert.deepStrictEqual(await collect(peer.stream('echo', 'one')), ['one']);
      assert.deepStrictEqual(await collect(peer.stream('nothing')), []);
    }),
    ...inEachMode('who collects more than is allowed is told to stream', async (t, options) => {
      const peer = t.connect('odd-items', options);
      await assert.rejects(peer.call('many', 11), { rpcCode: -32603, code: 'ERR_CALL_STREAM_OVERFLOW' });
      assert.strictEqual((await peer.call('many', 10)).length, 10);
      assert.strictEqual((await collect(peer.stream('many', 11))).length, 11);
    }),
    ...inEachMode('a slow reader bounds both sides', async (t, options) => {
      const peer = t.connect('methods', options);
      const stream = peer.stream('endless');
      await stream.next();
      // What this call is answered, the stream would have overtaken if it could.
      for (let i = 0; i < 5; i++) await peer.call('later', 10);
      for (let i = 1; i < 50; i++) assert.deepStrictEqual(await stream.next(), { done: false, value: i });
      await stream.return();
      await until(async () => /^endless closed/.test(await lastSeen(peer)), 'the generator is closed');
      const [, produced] = /after (\d+)/.exec(await lastSeen(peer));
      assert.ok(produced <= 200, `${produced} were produced for 50`);
    }),
    ...inEachMode('leaving the loop cancels the call', async (t, options) => {
      const peer = t.connect('methods', options);
      for await (const i of peer.stream('endless')) if (i === 100) break;
      await until(async () => /^endless closed/.test(await lastSeen(peer)), 'the generator is closed');
      await until(() => peer.inFlight === 0, 'the call is answered');
    }),
    ...inEachMode('a timeout and a signal end a stream', async (t, options) => {
      const peer = t.connect('methods', options);
      await assert.rejects(collect(peer.stream('untilCancelled', 'a', { timeout: 50 })), { code: 'ERR_CALL_TIMEOUT' });
      const stop = new AbortController();
      const reading = collect(peer.stream('untilCancelled', 'b', { signal: stop.signal }));
      stop.abort();
      await assert.rejects(reading, { code: 'ERR_CALL_ABORTED' });
      await until(() => peer.inFlight === 0, 'all are answered');
    }),
    ...inEachMode('a stream that nobody reads yet fails nowhere else', async (t, options) => {
      const peer = t.connect('methods', options);
      const stream = peer.stream('nobody');
      await peer.call('echo', 1);
      await assert.rejects(stream.next(), { code: 'ERR_CALL_UNKNOWN_METHOD' });
      assert.deepStrictEqual(await stream.next(), { done: true, value: undefined });
    }),
    ...inEachMode('several next() at once each get their item', async (t, options) => {
      const peer = t.connect('methods', options);
      const stream = peer.stream('numbers', 3);
      const results = await Promise.all([1, 2, 3, 4, 5].map(() => stream.next()));
      assert.deepStrictEqual(
        results.map(({ done, value }) => (done ? 'done' : value)),
        [0, 1, 2, 'done', 'done'],
      );
    }),
    ...inEachMode('a hundred streams at once each get their own items', async (t, options) => {
      const peer = t.connect('methods', { ...options, args: ['100'] });
      const all = await Promise.all(upTo(100).map((i) => collect(peer.stream('numbers', i))));
      for (const [i, items] of all.entries()) assert.deepStrictEqual(items, upTo(i));
    }),
    ...inEachMode('a worker reads a stream of its parent: an upload', async (t, options) => {
      const methods = {
        async *parts(count) {
          for (let i = 0; i < count; i++) yield 'x'.repeat(i);
        },
      };
      const peer = t.connect('odd-items', { ...options, methods });
      assert.strictEqual(await peer.call('upload', 200), (200 * 199) / 2);
    }),
    ...inEachMode('a parameter that is a stream is read as it comes', async (t, options) => {
      const peer = t.connect('uploads', options);
      await peer.ready();
      for (const count of [0, 1, 63, 64, 65, 1000]) {
        const rows = upTo(count)[Symbol.iterator]();
        assert.deepStrictEqual(await peer.call('sum', { rows, factor: 2 }), count * Math.max(0, count - 1));
      }
      const two = [[1, 2].values(), Readable.from([3, 4])];
      assert.deepStrictEqual(await peer.call.args('zip', two), [1, 3, 2, 4]);
      const bytes = await collect(peer.stream('pipe', Readable.from([Buffer.from('a'), Buffer.from('b')])));
      assert.deepStrictEqual(bytes, [Buffer.from('a'), Buffer.from('b')]);
    }),
    ...inEachMode('a slow reader bounds an upload, and who leaves it ends it', async (t, options) => {
      const peer = t.connect('uploads', options);
      await peer.ready();
      const { made, rows } = endless();
      assert.deepStrictEqual(await peer.call('first', { rows, count: 100, pause: 1 }), upTo(100));
      await until(() => made.isClosed, 'the generator is closed');
      assert.ok(made.count <= 200, `${made.count} were made for 100`);
    }),
    ...inEachMode('an upload that nobody reads is not begun, and is closed', async (t, options) => {
      const peer = t.connect('uploads', options);
      await peer.ready();
      const { made, rows } = endless();
      const file = new Readable({ read() {} });
      assert.strictEqual(await peer.call('ignore', { rows, file }), 'ignored');
      assert.strictEqual(made.count, 0);
      assert.ok(file.destroyed);
      await assert.rejects(peer.call('nobody', { rows: endless().rows }), { code: 'ERR_CALL_UNKNOWN_METHOD' });
    }),
    ...inEachMode('an error of an upload arrives behind the items before it', async (t, options) => {
      const peer = t.connect('uploads', options);
      await peer.ready();
      async function* bad() {
        yield 1;
        throw new RangeError('no more');
      }
      assert.deepStrictEqual(await peer.call('untilError', bad()), [1, 'RangeError', 'no more']);
      const unsendable = [1, () => {}].values();
      if (options.serialization === 'advanced') {
        assert.match((await peer.call('untilError', unsendable)).at(-1), /cannot be sent/);
        assert.strictEqual(await peer.call('echo', 1), 1);
      }
    }),
    ...inEachMode('a call that is cancelled ends its upload on both sides', async (t, options) => {
      const peer = t.connect('uploads', options);
      await peer.ready();
      const { made, rows } = endless();
      const stop = new AbortController();
      const call = peer.call('stuck', { rows }, { signal: stop.signal });
      await until(() => made.count > 0, 'it has begun');
      stop.abort();
      await assert.rejects(call, { code: 'ERR_CALL_ABORTED' });
      await until(() => made.isClosed, 'the generator is closed');
      await until(async () => (await peer.call('seen')).at(-1) === 'AbortError', 'the handler hears of it');
      await until(() => peer.inFlight === 0, 'the call is answered');
    }),
    ...inEachMode('who has not said that it reads uploads gets none', async (t, options) => {
      const peer = t.connect('uploads', options);
      const { made, rows } = endless();
      await assert.rejects(peer.call('sum', { rows }), { code: 'ERR_CALL_UPLOAD' });
      assert.strictEqual(made.count, 0);
      assert.throws(() => peer.notify('sum', { rows }), { code: 'ERR_CALL_UPLOAD' });
      // What looks like one is a value.
      await peer.ready();
      const place = { '$/crossfork/upload': '1.0' };
      assert.deepStrictEqual(await peer.call('echo', { place }), { place });
    }),
    ...inEachMode('a call whose upload has begun is not made again', async (t, { serialization }) => {
      const pool = t.pool('uploads', { size: 1, fork: { serialization } });
      const begun = endless();
      await assert.rejects(pool.call('die', { rows: begun.rows }, { retries: 3 }), { code: 'ERR_WORKER_DIED' });
      await until(() => begun.made.isClosed, 'the generator is closed');
      assert.strictEqual(await pool.call('sum', { rows: [1, 2].values(), factor: 1 }), 3);
    }),
    ...inEachMode('an end of ours that sends more than it was asked for fails the call', async (t, options) => {
      const peer = t.connect('floods', options);
      await assert.rejects(collect(peer.stream('flood', { count: 1000, isOurs: true })), {
        code: 'ERR_CALL_STREAM_OVERFLOW',
      });
      assert.ok(peer.connected);
    }),
    ...inEachMode('a plain peer that sends faster than it is read fails the call', async (t, options) => {
      const peer = t.connect('floods', options);
      const stream = peer.stream('flood', { count: 5000, partialResultToken: 'p' });
      await until(() => peer.inFlight === 0, 'all of it has come');
      await assert.rejects(collect(stream), { code: 'ERR_CALL_STREAM_OVERFLOW' });
      assert.ok(peer.connected);
    }),
  ]),
);
