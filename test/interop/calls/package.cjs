// The npm package's pool over a service in Rust: `package.cjs PROGRAM DRIVER SERIALIZATION`.
const assert = require('node:assert');
const { Pool, RemoteError } = require('../../../js/index.cjs');

const [, , program, driver, serialization] = process.argv;

(async () => {
  const progress = [];
  const pool = new Pool(program, {
    size: 2,
    args: [driver],
    fork: { serialization },
    methods: {
      answer: (question) => `to ${question}`,
      numbers: async function* (n) {
        for (let i = 0; i < n; i++) yield i;
      },
    },
  });

  assert.deepStrictEqual(await pool.call('area', { width: 3, height: 4 }), { width: 3, area: 12 });
  assert.strictEqual(await pool.call.args('add', [2, 3]), 5);
  assert.strictEqual(await pool.call('nothing'), null);
  assert.strictEqual(await pool.call('closure', 1), 2);
  assert.strictEqual(await pool.call('ask', 'why'), 'why to why');
  assert.deepStrictEqual(await pool.call('collect', 3), [0, 1, 2]);

  // Many in one turn: bundles.
  const sums = Array.from({ length: 2000 }, (_, i) => pool.call.args('add', [i, i]));
  assert.deepStrictEqual(
    await Promise.all(sums),
    Array.from({ length: 2000 }, (_, i) => 2 * i),
  );

  const items = [];
  for await (const item of pool.stream('count', 300)) items.push(item);
  assert.deepStrictEqual(
    items,
    Array.from({ length: 300 }, (_, i) => i),
  );
  await assert.rejects(pool.call('countBadly', 2), /the end/);

  await assert.rejects(pool.call('area', { width: 'wide', height: 1 }), {
    code: 'ERR_CALL_PARAMETERS',
    message: /width/,
  });
  await assert.rejects(pool.call('absent'), { code: 'ERR_CALL_UNKNOWN_METHOD' });
  await assert.rejects(
    pool.call('open', '/no/such/file'),
    (error) => error instanceof RemoteError && error.code === 'ENOENT',
  );
  await assert.rejects(pool.call('crash', 'here'), /crashed: here/);

  const stop = new AbortController();
  const cancelled = pool.call('forever', null, {
    signal: stop.signal,
    onProgress: (value) => {
      progress.push(value);
      stop.abort();
    },
  });
  await assert.rejects(cancelled, { code: 'ERR_CALL_ABORTED' });
  assert.deepStrictEqual(progress, ['begun']);
  await assert.rejects(pool.call('rest', 60_000, { timeout: 50 }), { code: 'ERR_CALL_TIMEOUT' });

  for (const bytes of [Buffer.from([1, 2, 3]), new Uint8Array([0, 1, 2, 3]).subarray(1), Buffer.alloc(0)]) {
    const expected = Buffer.from(bytes).reverse();
    assert.deepStrictEqual(await pool.call('someBytes', bytes), expected);
    assert.deepStrictEqual(await pool.call('bytes', { inner: { bytes } }), { inner: { bytes: expected } });
  }
  await pool.destroy();
})();
