'use strict';

// What handlers may do that other programs do: throw what cannot be written, replace globals, have odd names. This file is the
// worker of its scenarios too.

const assert = require('node:assert');
const { crossfork, MODES, run } = require('./kit.cjs');

const THIS = '../inside/handlers';
const isDeno = process.versions.deno !== undefined;

const inEachMode = (name, scenario) =>
  MODES.map((serialization) => [`${name} (${serialization})`, (t) => scenario(t, { serialization })]);

const failure = (promise) =>
  promise.then(
    (value) => assert.fail(`answered: ${JSON.stringify(value)}`),
    (error) => error,
  );

const codeOf = (promise) =>
  promise.then(
    () => 'answered',
    (error) => error.code,
  );

/** What no serialization can write. */
function unwritable() {
  const cycle = { f() {} };
  cycle.self = cycle;
  return cycle;
}

/** A value in a value, so often. */
function nested(depth) {
  let value = [];
  for (let i = 0; i < depth; i++) value = [value];
  return value;
}

/** A promise of somebody else's, which settles twice: now, and later. */
function twice(ms) {
  return {
    // biome-ignore lint/suspicious/noThenProperty: it stands for a promise that keeps no promise
    then(resolve, reject) {
      resolve();
      setTimeout(() => reject(new Error('again')), ms);
    },
  };
}

function worker() {
  const seen = [];
  const own = globalThis.process;
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const methods = {
    echo: (value) => value,
    seen: () => seen,
    throwsUnwritable() {
      throw Object.assign(new RangeError('what went wrong'), { code: 'E_ODD', data: unwritable() });
    },
    throwsUnwritableObject() {
      throw Object.assign(unwritable(), { message: 'no error, and yet thrown' });
    },
    recurses: function recurses() {
      return recurses() + 1;
    },
    nested: (depth) => nested(depth),
    async replacesGlobals(names) {
      const was = {};
      for (const name of names) {
        was[name] = globalThis[name];
        globalThis[name] = undefined;
      }
      // It is answered while they are gone.
      setImmediate(() => setImmediate(() => Object.assign(globalThis, was)));
      return 'done';
    },
    async *countsWithoutProcess(n) {
      globalThis.process = { exit() {} };
      try {
        for (let i = 0; i < n; i++) yield i;
      } finally {
        globalThis.process = own;
      }
    },
    twice: () => twice(5),
    async slow(text) {
      seen.push(`${text} began`);
      await sleep(30);
      seen.push(`${text} ended`);
    },
    fast(text) {
      seen.push(text);
    },
    two(...args) {
      seen.push(args.slice(0, -1));
    },
    call: (n) => `call ${n}`,
    apply: (n) => `apply ${n}`,
    bind: (n) => `bind ${n}`,
    // biome-ignore lint/suspicious/noThenProperty: a method can have any name
    inside: { then: (n) => `then ${n}`, name: (n) => `name ${n}`, deeper: { get: (n) => n } },
  };
  crossfork.serve(methods, { concurrency: 8 });
}

const scenarios = Object.fromEntries([
  ...inEachMode('an error whose details cannot be written arrives without them', async (t, options) => {
    const peer = t.connect(THIS, options);
    const error = await failure(peer.call('throwsUnwritable'));
    assert.deepStrictEqual(
      [error.name, error.message, error.code, error.rpcCode, error.data],
      ['RangeError', 'what went wrong', 'E_ODD', -32000, undefined],
    );
    assert.match((await failure(peer.call('throwsUnwritableObject'))).message, /no error, and yet thrown/);
    assert.strictEqual(await peer.call('echo', 1), 1);
  }),
  ...inEachMode('a handler that calls itself without an end fails its own call alone', async (t, options) => {
    const peer = t.connect(THIS, options);
    const [error, value] = await Promise.all([failure(peer.call('recurses')), peer.call('echo', 1)]);
    assert.deepStrictEqual([error.name, value], ['RangeError', 1]);
  }),
  ...inEachMode('values that are nested without an end fail no other call', async (t, options) => {
    const peer = t.connect(THIS, options);
    await peer.ready();
    // Deno's own channel ends at 128.
    const deep = nested(isDeno ? 100 : 500);
    assert.deepStrictEqual(await peer.call('echo', deep), deep);
    if (isDeno) return;
    for (const [method, params] of [
      ['echo', nested(300_000)],
      ['nested', 300_000],
    ]) {
      const [outcome, value] = await Promise.all([codeOf(peer.call(method, params)), peer.call('echo', 1)]);
      // A newer V8 writes them.
      assert.ok(['answered', 'ERR_CALL_PARAMETERS', 'ERR_CALL_INTERNAL'].includes(outcome), outcome);
      assert.strictEqual(value, 1);
    }
  }),
  ...inEachMode('a handler may replace globals, and is answered', async (t, options) => {
    const peer = t.connect(THIS, options);
    await peer.ready();
    for (const name of ['process', 'setTimeout', 'setInterval', 'clearTimeout', 'queueMicrotask', 'performance']) {
      assert.strictEqual(await peer.call('replacesGlobals', [name]), 'done', name);
      assert.strictEqual(await peer.call('echo', name), name);
    }
    assert.strictEqual((await peer.call('countsWithoutProcess', 200)).length, 200);
    assert.strictEqual(await peer.call('echo', 'alive'), 'alive');
  }),
  ...inEachMode('a notification whose promise settles twice ends once', async (t, options) => {
    const peer = t.connect(THIS, options);
    await peer.ready();
    peer.notify('twice');
    peer.notify('slow', 'a');
    peer.notify('fast', 'b');
    assert.strictEqual(await peer.call('echo', 1), 1);
    assert.deepStrictEqual(await peer.call('seen'), ['a began', 'a ended', 'b']);
  }),
  ...inEachMode('a notification has as many arguments as it is given', async (t, options) => {
    const peer = t.connect(THIS, options);
    peer.notify.args('two', [1, { b: 2 }]);
    peer.notify('two', [1, 2]);
    assert.deepStrictEqual(await peer.call('seen'), [[1, { b: 2 }], [[1, 2]]]);
  }),
  ...inEachMode('methods have any name, those of functions and promises too', async (t, options) => {
    const peer = t.connect(THIS, options);
    const methods = peer.methods();
    for (const name of ['call', 'apply', 'bind']) assert.strictEqual(await methods[name](1), `${name} 1`);
    assert.strictEqual(await methods.inside.name(2), 'name 2');
    assert.strictEqual(await peer.call('inside.then', 3), 'then 3');
    // A part of them goes through a promise as it is.
    const inside = await (async () => methods.inside)();
    assert.strictEqual(await inside.deeper.get(4), 4);
  }),
  ...inEachMode('options that are undefined are as if they were not there', async (t, options) => {
    const peer = t.connect(THIS, options);
    const none = { signal: undefined, timeout: undefined, onProgress: undefined, handle: undefined };
    assert.strictEqual(await peer.call('echo', 1, none), 1);
    assert.strictEqual(await peer.call('echo', 1, undefined), 1);
  }),
  [
    'whatever the advanced serialization has travels: dates, errors, patterns, typed arrays',
    {
      unless: () => !MODES.includes('advanced') && 'it speaks another dialect',
      run: async (t) => {
        const peer = t.connect(THIS, { serialization: 'advanced' });
        const when = new Date(86_400_000);
        const values = [when, /a+/gi, new Map([['k', when]]), new Float64Array([0.5, -1]), 2n ** 70n, -0, Number.NaN];
        for (const value of values) assert.deepStrictEqual(await peer.call('echo', value), value);
        const error = await peer.call('echo', new RangeError('a value, and not thrown'));
        assert.ok(error instanceof RangeError && error.message === 'a value, and not thrown');
      },
    },
  ],
]);

if (process.send === undefined) run(scenarios);
else worker();
