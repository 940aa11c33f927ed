'use strict';

// Calls over the channel of a process that was forked.

const assert = require('node:assert');
const { AsyncLocalStorage } = require('node:async_hooks');
const { crossfork, isNode, MODES, run, until } = require('./kit.cjs');

/** One scenario for each serialization. */
const inEachMode = (name, scenario) =>
  MODES.map((serialization) => [`${name} (${serialization})`, (t) => scenario(t, { serialization })]);

const failure = (promise) =>
  promise.then(
    (value) => assert.fail(`it was answered: ${JSON.stringify(value)}`),
    (error) => error,
  );

run(
  Object.fromEntries([
    ...inEachMode('values travel there and back', async (t, options) => {
      const peer = t.connect('methods', options);
      for (const value of [
        null,
        0,
        -1.5,
        '',
        'text',
        true,
        [],
        [1, [2]],
        {},
        { a: { b: [null] } },
        [[]],
        '\ud83d\ude00',
      ]) {
        assert.deepStrictEqual(await peer.call('echo', value), value);
      }
      assert.strictEqual(await peer.call('echo'), null);
      assert.strictEqual(await peer.call('isUndefined'), true);
      assert.strictEqual(await peer.call('isUndefined', null), false);
      assert.strictEqual(await peer.call('nothing'), null);
    }),
    ...inEachMode('bytes are bytes, wherever they are', async (t, options) => {
      const peer = t.connect('methods', options);
      const bytes = Buffer.from([0, 1, 250, 255]);
      assert.deepStrictEqual(await peer.call('echo', bytes), bytes);
      const inside = { a: [{ bytes }, bytes], length: 4 };
      assert.deepStrictEqual(await peer.call('echo', inside), inside);
      assert.deepStrictEqual(
        Buffer.from(await peer.call('echo', new Uint8Array(bytes).subarray(1, 3))),
        bytes.subarray(1, 3),
      );
      assert.strictEqual(inside.a[1], bytes, 'what is sent is not changed');
      const data = { type: 'Buffer', data: 'AAH6/w==', more: 1 };
      assert.deepStrictEqual(await peer.call('echo', data), data, 'with a member more it is none');
      const cycle = { list: [] };
      cycle.list.push(cycle, cycle, cycle);
      if (options.serialization === 'json') {
        await assert.rejects(peer.call('echo', cycle), { code: 'ERR_CALL_PARAMETERS' });
      }
    }),
    ...inEachMode('call.args gives each its place', async (t, options) => {
      const peer = t.connect('methods', options);
      assert.deepStrictEqual(await peer.call.args('arguments', [1, 'two', { three: 3 }]), [1, 'two', { three: 3 }]);
      assert.deepStrictEqual(await peer.call.args('arguments', [[1, 2]]), [[1, 2]]);
      assert.deepStrictEqual(await peer.call('arguments', [1, 2]), [[1, 2]]);
    }),
    ...inEachMode('a thousand calls at once each get their own answer', async (t, options) => {
      const peer = t.connect('methods', options);
      const results = await Promise.all(Array.from({ length: 1000 }, (_, i) => peer.call('echo', i)));
      assert.deepStrictEqual(
        results,
        results.map((_, i) => i),
      );
      assert.strictEqual(peer.inFlight, 0);
    }),
    ...inEachMode('an error arrives as what it is, with both stacks', async (t, options) => {
      const peer = t.connect('methods', options);
      async function theCaller() {
        await peer.call('throws', { name: 'RangeError', message: 'm', code: 'ENOENT', data: { a: 1 }, inner: 'why' });
      }
      const error = await failure(theCaller());
      assert.ok(error instanceof crossfork.RemoteError && error instanceof crossfork.CallError);
      const { name, message, code, rpcCode, data, method, cause } = error;
      assert.deepStrictEqual(
        { name, message, code, rpcCode, data, method },
        { name: 'RangeError', message: 'm', code: 'ENOENT', rpcCode: -32000, data: { a: 1 }, method: 'throws' },
      );
      assert.deepStrictEqual([cause.name, cause.message], ['TypeError', 'why']);
      assert.match(error.remoteStack, /methods\.cjs/);
      assert.match(error.stack, /^RangeError: m\n/);
      assert.match(error.stack, /in the other process[\s\S]*methods\.cjs/);
      if (isNode) assert.match(error.stack, /theCaller[\s\S]*in the other process/);
    }),
    ...inEachMode(
      'a handler may choose the code of its error, but none that means "not begun" or "cancelled"',
      async (t, options) => {
        const peer = t.connect('methods', options);
        for (const [chosen, rpcCode] of [
          [5, 5],
          [-32602, -32602],
          [-32099, -32000],
          [-32800, -32000],
          [1.5, -32000],
          [2 ** 40, -32000],
        ]) {
          const error = await failure(peer.call('throws', { code: chosen }));
          assert.strictEqual(error.rpcCode, rpcCode, `${chosen}`);
        }
      },
    ),
    ...inEachMode('anything may be thrown', async (t, options) => {
      const peer = t.connect('methods', options);
      for (const [thrown, message] of [
        ['a text', 'a text'],
        [undefined, 'undefined'],
        [null, 'null'],
        [5, '5'],
        [{ a: 1 }, '{ a: 1 }'],
      ]) {
        const error = await failure(peer.call('rejects', thrown));
        assert.strictEqual(error.message, thrown === undefined ? 'undefined' : message);
        assert.strictEqual(error.rpcCode, -32000);
      }
    }),
    ...inEachMode('a method that is not there is said to be unknown', async (t, options) => {
      const peer = t.connect('methods', options);
      for (const method of ['nobody', 'toString', '__proto__', 'constructor', 'users', '$/crossfork/bye', '']) {
        const error = await failure(peer.call(method));
        assert.deepStrictEqual([error.code, error.rpcCode], ['ERR_CALL_UNKNOWN_METHOD', -32601], method);
      }
    }),
    ...inEachMode('methods may be nested, and in a class', async (t, options) => {
      const peer = t.connect('methods', options);
      assert.strictEqual(await peer.call('users.get', 1), 'bob');
      assert.strictEqual(await peer.methods().users.get(0), 'ada');
      assert.strictEqual(await Promise.resolve(peer.methods()).then((methods) => methods.echo(3)), 3);
    }),
    ...inEachMode('what cannot be sent rejects its own call alone', async (t, options) => {
      const peer = t.connect('methods', options);
      await peer.ready();
      const cycle = {};
      cycle.self = cycle;
      cycle.method = () => {};
      const results = await Promise.allSettled([
        peer.call('echo', 1),
        peer.call('echo', { cycle }),
        peer.call('returnsCycle'),
        peer.call('returnsFunction'),
        peer.call('echo', 2),
      ]);
      assert.deepStrictEqual(
        results.map(({ value, reason }) => value ?? reason.code),
        [1, 'ERR_CALL_PARAMETERS', 'ERR_CALL_INTERNAL', 'ERR_CALL_INTERNAL', 2],
      );
      assert.strictEqual(peer.inFlight, 0);
    }),
    ...inEachMode('a timeout rejects at once, and reaches the handler', async (t, options) => {
      const peer = t.connect('methods', options);
      const error = await failure(peer.call('untilCancelled', 'one', { timeout: 300 }));
      assert.ok(error instanceof crossfork.CallTimeoutError);
      assert.strictEqual(error.code, 'ERR_CALL_TIMEOUT');
      await until(async () => (await peer.call('seen')).at(-1) === 'one ended', 'the handler hears of it');
      await until(() => peer.inFlight === 0, 'the call is answered');
    }),
    ...inEachMode('an AbortSignal rejects at once, and reaches the handler', async (t, options) => {
      const peer = t.connect('methods', options);
      const stop = new AbortController();
      const call = failure(peer.call('untilCancelled', 'one', { signal: stop.signal }));
      await until(async () => (await peer.call('seen')).includes('one began'), 'the handler has begun');
      stop.abort('enough');
      const error = await call;
      assert.deepStrictEqual([error.name, error.code, error.cause], ['AbortError', 'ERR_CALL_ABORTED', 'enough']);
      await until(async () => (await peer.call('seen')).at(-1) === 'one ended', 'the handler hears of it');
    }),
    ...inEachMode('what is aborted before it is sent is never sent', async (t, options) => {
      const peer = t.connect('methods', options);
      const stop = new AbortController();
      const calls = ['a', 'b'].map((name) => failure(peer.call('untilCancelled', name, { signal: stop.signal })));
      stop.abort();
      calls.push(failure(peer.call('untilCancelled', 'c', { signal: stop.signal })));
      for (const call of calls) assert.strictEqual((await call).code, 'ERR_CALL_ABORTED');
      assert.deepStrictEqual(await peer.call('seen'), []);
    }),
    ...inEachMode('progress comes in order, and before the answer', async (t, options) => {
      const peer = t.connect('methods', options);
      const steps = [];
      await peer.call('slowProgress', 5, { onProgress: ({ step }) => steps.push(step) });
      assert.deepStrictEqual(steps, [1, 2, 3, 4, 5]);
      const conflated = [];
      assert.strictEqual(await peer.call('progress', 1000, { onProgress: (step) => conflated.push(step) }), 'done');
      assert.deepStrictEqual(conflated, [1000], 'of one turn the latest');
    }),
    ...inEachMode('a handler knows its call', async (t, options) => {
      const peer = t.connect('methods', options);
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      const { deadline, ...rest } = await peer.call('context', undefined, { timeout: 60_000, traceparent });
      assert.deepStrictEqual(rest, { method: 'context', traceparent, isCancelled: false });
      assert.ok(deadline > 0 && deadline <= 60_000);
    }),
    ...inEachMode('a worker calls its parent, whose errors it gets', async (t, options) => {
      const methods = {
        double: (n) => n * 2,
        fails() {
          throw new TypeError('not here');
        },
      };
      const peer = t.connect('methods', { ...options, methods });
      assert.strictEqual(await peer.call('askParent', { method: 'double', params: 21 }), 42);
      const error = await failure(peer.call('askParent', { method: 'fails' }));
      assert.deepStrictEqual([error.name, error.message], ['TypeError', 'not here']);
    }),
    ...inEachMode('notifications keep their order, and a call waits for those before it', async (t, options) => {
      const peer = t.connect('methods', options);
      for (const [text, ms] of [
        ['a', 60],
        ['b', 0],
        ['c', 20],
      ])
        peer.notify('noteLater', { text, ms });
      peer.notify('note', 'd');
      assert.deepStrictEqual(await peer.call('seen'), ['a', 'b', 'c', 'd']);
      const heard = [];
      const other = t.connect('methods', { ...options, methods: { note: (text) => heard.push(text) } });
      const texts = Array.from({ length: 200 }, (_, i) => `${i}`);
      await other.call('notifyParent', texts);
      assert.deepStrictEqual(heard, texts);
    }),
    ...inEachMode("messages that are no calls are the user's, both ways", async (t, options) => {
      const peer = t.connect('messages', options);
      const odd = [
        null,
        0,
        true,
        [],
        [1],
        [null],
        'text',
        { id: 1, method: 'echo' },
        { jsonrpc: '1.0', id: 1, method: 'f' },
      ];
      for (const value of odd) {
        const echoed = new Promise((resolve) => peer.once('message', resolve));
        peer.child.send(value);
        assert.deepStrictEqual(await echoed, { got: value });
      }
    }),
    ...inEachMode('ready says what the worker offers', async (t, options) => {
      const offer = await t.connect('methods', { ...options, args: ['7'] }).ready();
      assert.strictEqual(offer.concurrency, 7);
      assert.ok(offer.methods.includes('echo') && offer.methods.includes('users.get'));
    }),
    ...inEachMode('ready waits for the set-up, and fails with it', async (t, options) => {
      const peer = t.connect('set-up', options);
      await peer.ready();
      assert.strictEqual(await peer.call('isSetUp'), true);
      const other = t.connect('set-up', { ...options, args: ['fails'] });
      const error = await failure(other.ready());
      assert.deepStrictEqual([error.name, error.message], ['SyntaxError', 'no set-up today']);
    }),
    ...inEachMode('a call before the set-up is done waits for it', async (t, options) => {
      assert.strictEqual(await t.connect('set-up', options).call('isSetUp'), true);
      const error = await failure(t.connect('set-up', { ...options, args: ['fails'] }).call('isSetUp'));
      assert.strictEqual(error.message, 'no set-up today');
    }),
    ...inEachMode('a worker runs no more calls at a time than it says', async (t, options) => {
      const peer = t.connect('methods', { ...options, args: ['2'] });
      const stops = {};
      const calls = ['a', 'b', 'c'].map((name) => {
        stops[name] = new AbortController();
        return failure(peer.call('untilCancelled', name, { signal: stops[name].signal }));
      });
      // It is answered at once, so that all three have arrived by then.
      await peer.ready();
      stops.c.abort();
      await calls[2];
      await until(() => peer.inFlight === 2, 'what waits is cancelled, and answered');
      stops.a.abort();
      stops.b.abort();
      await Promise.all(calls);
      const seen = await peer.call('seen');
      assert.deepStrictEqual(seen.slice(0, 2), ['a began', 'b began']);
      assert.ok(!seen.includes('c began'), 'what is cancelled before it begins does not begin');
    }),
    ...inEachMode('ordered runs one after another', async (t, options) => {
      const peer = t.connect('ordered', options);
      const calls = [peer.call('step', { text: 'a', ms: 40 }), peer.call('step', { text: 'b', ms: 0 })];
      peer.notify('step', { text: 'c', ms: 20 });
      calls.push(peer.call('step', { text: 'd', ms: 0 }));
      await Promise.all(calls);
      const expected = ['a+', 'a-', 'b+', 'b-', 'c+', 'c-', 'd+', 'd-'];
      assert.deepStrictEqual(await peer.call('seen'), expected);
    }),
    ...inEachMode('large parameters and results travel', async (t, options) => {
      const peer = t.connect('methods', options);
      const text = 'x'.repeat(5_000_000);
      assert.strictEqual(await peer.call('length', text), text.length);
      assert.strictEqual((await peer.call('echo', text)).length, text.length);
    }),
    [
      'bytes are bytes in the advanced serialization',
      {
        unless: () => !isNode && 'it speaks another dialect',
        run: async (t) => {
          const peer = t.connect('methods', { serialization: 'advanced' });
          const bytes = await peer.call('bytes', 1_000_000);
          assert.ok(bytes instanceof Uint8Array);
          assert.strictEqual(bytes.length, 1_000_000);
          assert.deepStrictEqual(await peer.call('echo', new Map([[1, new Set([2n])]])), new Map([[1, new Set([2n])]]));
        },
      },
    ],
    ...inEachMode('the async context is kept in what the peer triggers', async (t, options) => {
      const storage = new AsyncLocalStorage();
      const peer = t.connect('methods', options);
      await peer.ready();
      await storage.run('mine', async () => {
        const contexts = [];
        await peer.call('slowProgress', 2, { onProgress: () => contexts.push(storage.getStore()) });
        for await (const _ of peer.stream('numbers', 2)) contexts.push(storage.getStore());
        assert.deepStrictEqual(new Set(contexts), new Set(['mine']));
      });
      await failure(peer.call('contextOfAbort', undefined, { timeout: 50 }));
      await until(async () => (await peer.call('seen')).length > 0, 'the handler hears of it');
      assert.deepStrictEqual(await peer.call('seen'), ['of the call']);
    }),
    ...inEachMode('arguments that are wrong are thrown', async (t, options) => {
      const peer = t.connect('methods', options);
      const wrong = { code: 'ERR_INVALID_ARG_TYPE' };
      assert.throws(() => peer.call(5), wrong);
      assert.throws(() => peer.call('echo', 1, 5), wrong);
      assert.throws(() => peer.call('echo', 1, { timeOut: 5 }), wrong);
      assert.throws(() => peer.call('echo', 1, { timeout: 0 }), { code: 'ERR_OUT_OF_RANGE' });
      assert.throws(() => peer.call('echo', 1, { signal: {} }), wrong);
      assert.throws(() => peer.call.args('echo', 'text'), wrong);
      assert.throws(() => peer.notify(), wrong);
      assert.throws(() => crossfork.connectCalls({}), wrong);
      assert.throws(() => crossfork.connectCalls(peer.child), { code: 'ERR_INVALID_STATE' });
      assert.throws(() => crossfork.serve({}), { code: 'ERR_CALL_NO_CHANNEL' });
      assert.strictEqual(peer.inFlight, 0);
    }),
    ...inEachMode('close ends the channel, and what has no answer is rejected', async (t, options) => {
      const peer = t.connect('methods', options);
      const closed = new Promise((resolve) => peer.once('close', resolve));
      const calls = [failure(peer.call('never')), failure(peer.call('echo', 1))];
      peer.close();
      await closed;
      for (const call of calls) assert.strictEqual((await call).code, 'ERR_WORKER_DIED');
      assert.strictEqual((await failure(peer.call('echo', 1))).code, 'ERR_WORKER_DIED');
      assert.ok(!peer.connected);
    }),
  ]),
);
