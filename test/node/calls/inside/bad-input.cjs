'use strict';

// What handlers and peers do that they should not: streams that cannot be read, results that cannot be written, and more room
// than anybody has. This file is the worker of its scenarios too.

const assert = require('node:assert');
const net = require('node:net');
const { Readable } = require('node:stream');
const { alone, crossfork, MODES, run, until } = require('./kit.cjs');
const { pack, unpack } = require('../../../../js/calls/bytes.cjs');
const { Incoming } = require('../../../../js/calls/incoming.cjs');
const { Machine } = require('../../../../js/calls/machine.cjs');
const { withUploads } = require('../../../../js/calls/upload.cjs');

const THIS = '../inside/bad-input';

const inEachMode = (name, scenario) =>
  MODES.map((serialization) => [`${name} (${serialization})`, (t) => scenario(t, { serialization })]);

/** Streams that are there, and that nobody can read. */
const UNREADABLE = {
  locked() {
    const stream = new ReadableStream({ start: (controller) => controller.close() });
    stream.getReader();
    return stream;
  },
  throwing: () => ({
    [Symbol.asyncIterator]() {
      throw new RangeError('not now');
    },
  }),
  hidden: () => ({
    get [Symbol.asyncIterator]() {
      throw new RangeError('not now');
    },
  }),
};

/** Gives one item, and then none for as long as it is not closed. */
function quiet() {
  const seen = { isClosed: false };
  let count = 0;
  const iterator = {
    next: () => (count++ === 0 ? Promise.resolve({ done: false, value: 1 }) : new Promise(() => {})),
    return() {
      seen.isClosed = true;
      return Promise.reject(new Error('nobody hears of this'));
    },
  };
  return { seen, iterable: { [Symbol.asyncIterator]: () => iterator } };
}

/** A quiet one that gives an item more as it is closed. */
function late() {
  let count = 0;
  let resolve;
  const iterator = {
    next: () => (count++ === 0 ? Promise.resolve({ done: false, value: 1 }) : new Promise((r) => (resolve = r))),
    return() {
      resolve({ done: false, value: 'late' });
      return Promise.resolve({ done: true, value: undefined });
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}

const openSockets = async () => {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
};

function worker() {
  let closed = 0;
  /** One that counts when it is closed. */
  const counted = async () => {
    const server = await openSockets();
    server.once('close', () => closed++);
    return server;
  };
  let made = 0;
  const methods = {
    echo: (value) => value,
    locked: UNREADABLE.locked,
    throwing: UNREADABLE.throwing,
    hidden: UNREADABLE.hidden,
    laterHidden: async () => UNREADABLE.hidden(),
    twice: () => ({
      // biome-ignore lint/suspicious/noThenProperty: it stands for a promise that keeps no promise
      then(resolve, reject) {
        resolve(1);
        resolve(2);
        reject(new Error('three'));
      },
    }),
    async read(items) {
      for await (const _ of items);
      return 'all';
    },
    async first(items) {
      const { value } = await items.next();
      return value;
    },
    *numbers() {
      while (true) yield made++;
    },
    made: () => made,
    late,
    aFunction: async (_, cx) => cx.withHandle(() => 1, await counted()),
    inside: async (_, cx) => cx.withHandle({ toJSON: () => assert.fail('no JSON'), f() {} }, await counted()),
    async afterwards(_, cx) {
      await new Promise((resolve) => cx.signal.addEventListener('abort', resolve));
      return cx.withHandle(1, await counted());
    },
    closed: () => closed,
  };
  crossfork.serve(methods, { concurrency: 8 });
}

/** By hand: gives an item, and then says that it has not begun the call. */
function liar() {
  process.on('message', ({ id, method }) => {
    const send = (message) => process.send({ jsonrpc: '2.0', ...message });
    if (method === '$/crossfork/bye') process.disconnect();
    else if (method === '$/crossfork/hello') {
      send({ id, result: { concurrency: 1, methods: ['m'] }, crossfork: { bundles: 1 } });
    } else {
      send({ method: '$/progress', params: { token: id, value: { items: ['once'] } } });
      send({ id, error: { code: -32099, message: 'not begun' } });
    }
  });
}

/** A machine that notes what it is told. */
function machineWith() {
  const told = { unwanted: [], requests: [] };
  const sink = new Proxy(
    { unwanted: (handle) => told.unwanted.push(handle), request: (incoming) => told.requests.push(incoming) },
    { get: (target, name) => target[name] ?? (() => {}) },
  );
  const machine = new Machine(sink);
  const call = (id) => {
    machine.receive({ jsonrpc: '2.0', id, method: 'm', crossfork: { bundles: 1 } });
    return told.requests.at(-1);
  };
  return { machine, told, call };
}

const scenarios = Object.fromEntries([
  ...inEachMode('a call that has given items is not taken for one that has not begun', async (t, { serialization }) => {
    const env = { ...process.env, CROSSFORK_TEST_LIES: '1' };
    const pool = t.pool(THIS, { size: 1, fork: { serialization, env } });
    const items = [];
    const read = async () => {
      for await (const item of pool.stream('m')) items.push(item);
    };
    await assert.rejects(read(), { code: 'ERR_CALL_NOT_BEGUN' });
    assert.deepStrictEqual(items, ['once']);
  }),
  ...inEachMode('a parameter that is a stream nobody can read fails where it is read', async (t, options) => {
    const peer = t.connect(THIS, options);
    await peer.ready();
    await assert.rejects(peer.call('read', UNREADABLE.locked()), { name: 'TypeError' });
    await assert.rejects(peer.call('read', UNREADABLE.throwing()), { name: 'RangeError', message: 'not now' });
    for (const make of [UNREADABLE.locked, UNREADABLE.throwing]) {
      // Nobody reads this one: it is let go of.
      await assert.rejects(peer.call('nobody', make()), { code: 'ERR_CALL_UNKNOWN_METHOD' });
    }
    assert.strictEqual(await peer.call('echo', 1), 1);
  }),
  ...inEachMode('a result that is a stream nobody can read is an error', async (t, options) => {
    const peer = t.connect(THIS, options);
    await assert.rejects(peer.call('locked'), { name: 'TypeError' });
    for (const method of ['throwing', 'hidden', 'laterHidden']) {
      await assert.rejects(peer.call(method), { name: 'RangeError', message: 'not now' });
      await assert.rejects(peer.stream(method).next(), { name: 'RangeError', message: 'not now' });
    }
    assert.strictEqual(await peer.call('echo', 1), 1);
  }),
  ...inEachMode('a promise that settles more than once is one answer', async (t, options) => {
    const peer = t.connect(THIS, options);
    assert.strictEqual(await peer.call('twice'), 1);
    assert.strictEqual(await peer.call('echo', 1), 1);
  }),
  ...inEachMode('who grants room without an end does not stop the other side', async (t, options) => {
    const child = t.fork(THIS, options);
    const answers = [];
    child.on('message', (message) => {
      for (const one of Array.isArray(message) ? message : [message]) if (one.id !== undefined) answers.push(one);
    });
    const send = (message) => child.send({ jsonrpc: '2.0', ...message });
    send({ id: 1, method: 'numbers', crossfork: { bundles: 1, stream: Number.MAX_SAFE_INTEGER } });
    send({ id: 2, method: 'made' });
    await until(() => answers.some(({ id }) => id === 2), 'another call is answered');
    send({ method: '$/cancelRequest', params: { id: 1 } });
    await until(() => answers.some(({ id }) => id === 1), 'the call is cancelled');
    assert.strictEqual(answers.find(({ id }) => id === 1).error.code, -32800);
  }),
  ...inEachMode('a quiet upload is closed when its call has ended', async (t, options) => {
    const peer = t.connect(THIS, options);
    await peer.ready();
    const { seen, iterable } = quiet();
    assert.strictEqual(await peer.call('first', iterable), 1);
    await until(() => seen.isClosed, 'the iterator is closed');
    const readable = new Readable({ objectMode: true, read() {} });
    readable.push(1);
    assert.strictEqual(await peer.call('first', readable), 1);
    await until(() => readable.destroyed, 'the stream is destroyed');
  }),
  ...inEachMode('an upload that has ended is left alone', async (t, options) => {
    const peer = t.connect(THIS, options);
    await peer.ready();
    let closed = 0;
    const iterator = {
      next: () => Promise.resolve({ done: true, value: undefined }),
      return: () => Promise.resolve(closed++),
    };
    assert.strictEqual(await peer.call('read', { [Symbol.asyncIterator]: () => iterator }), 'all');
    await peer.call('echo', 1);
    assert.strictEqual(closed, 0);
  }),
  ...inEachMode('no item is sent of what was cancelled', async (t, options) => {
    const child = t.fork(THIS, options);
    const items = [];
    let answer;
    child.on('message', (message) => {
      for (const one of Array.isArray(message) ? message : [message]) {
        if (one.id === 1) answer = one;
        else items.push(...(one.params?.value.items ?? []));
      }
    });
    child.send({ jsonrpc: '2.0', id: 1, method: 'late', crossfork: { bundles: 1, stream: 64 } });
    await until(() => items.length === 1, 'the first item has come');
    child.send({ jsonrpc: '2.0', method: '$/cancelRequest', params: { id: 1 } });
    await until(() => answer !== undefined, 'the call is answered');
    assert.strictEqual(answer.error.code, -32800);
    assert.deepStrictEqual(items, [1]);
  }),
  ...inEachMode('the handle of a result that cannot be written is closed', async (t, options) => {
    const peer = t.connect(THIS, options);
    await peer.ready();
    await assert.rejects(peer.call('aFunction', null, { takesHandle: true }), { rpcCode: -32603 });
    await until(async () => (await peer.call('closed')) === 1, 'it is closed');
    await assert.rejects(peer.call('inside', null, { takesHandle: true }), { rpcCode: -32603 });
    await until(async () => (await peer.call('closed')) === 2, 'it is closed');
  }),
  [
    'the handles of answers that reach nobody are given back, and those of calls are not',
    () => {
      const { machine, told, call } = machineWith();
      machine.answer(call(1), () => {}, 'of a function');
      assert.deepStrictEqual(told.unwanted.splice(0), ['of a function']);
      const twice = call(2);
      machine.answer(twice, 1);
      machine.answer(twice, 1, 'of a second answer');
      assert.deepStrictEqual(told.unwanted.splice(0), ['of a second answer']);
      while (machine.take() !== undefined);
      machine.answer(call(3), 1, 'of what cannot be written');
      const { entries } = machine.take();
      machine.unsendable(entries[0], new Error('no'));
      assert.deepStrictEqual(told.unwanted.splice(0), ['of what cannot be written']);
      machine.answer(call(4), 1, 'of what was not sent');
      machine.request({ method: 'm', handle: 'of a call' });
      const left = call(5);
      machine.end();
      assert.deepStrictEqual(told.unwanted.splice(0), ['of what was not sent']);
      machine.answer(left, 1, 'of what has ended');
      assert.deepStrictEqual(told.unwanted, ['of what has ended']);
    },
  ],
  [
    'a call keeps nothing for uploads that it only announces',
    () => {
      const incoming = new Incoming(1, 'm', undefined, { uploads: 1024 });
      const kept = Object.values(incoming).filter(
        (value) => value instanceof Set || (Array.isArray(value) && value.length > 0),
      );
      assert.deepStrictEqual(kept, []);
    },
  ],
  [
    'each token of an upload counts once, and nothing else is one',
    () => {
      const place = (token) => ({ '$/crossfork/upload': token });
      for (const [id, base] of [
        [1, '1'],
        [1.5, '1.5'],
        ['a.b', '"a.b"'],
      ]) {
        const incoming = new Incoming(id, 'm', undefined, { uploads: 2 });
        const no = ['2', '-1', '01', '1.0', '1e0', '', ' 1', 'NaN'].map((number) => place(`${base}.${number}`));
        const more = [place(0), place({}), place(null), place(`x${base}.0`), place('9.0')];
        for (const value of [...no, ...more]) assert.strictEqual(withUploads([value], incoming)[0], value);
        const params = [place(`${base}.1`), place(`${base}.0`), place(`${base}.1`)];
        const read = withUploads(params, incoming);
        assert.deepStrictEqual(
          read.map((value, i) => value === params[i]),
          [false, false, true],
        );
        assert.deepStrictEqual(
          incoming.uploads.map(({ token }) => token),
          [`${base}.1`, `${base}.0`],
        );
      }
    },
  ],
  [
    'bytes in long arrays are found without the names of all elements',
    alone(() => {
      const bytes = Buffer.from([1, 2]);
      const list = [0, [bytes], 'a', { bytes }];
      const { keys } = Object;
      Object.keys = (value) => (Array.isArray(value) ? assert.fail('the names of an array') : keys(value));
      try {
        const packed = pack(list);
        const form = { type: 'Buffer', data: 'AQI=' };
        assert.deepStrictEqual(packed, [0, [form], 'a', { bytes: form }]);
        assert.deepStrictEqual(unpack(packed), list);
      } finally {
        Object.keys = keys;
      }
    }),
  ],
]);

if (process.send === undefined) run(scenarios);
else if (process.env.CROSSFORK_TEST_LIES === undefined) worker();
else liar();
