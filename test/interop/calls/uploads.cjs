// Uploads and handles between the npm package and a service in Rust: `uploads.cjs PROGRAM DRIVER SERIALIZATION`.
const assert = require('node:assert');
const net = require('node:net');
const { once } = require('node:events');
const { Readable } = require('node:stream');
const { Pool, connectCalls, fork } = require('../../../js/index.cjs');

const [, , program, driver, serialization] = process.argv;
const upTo = (n) => Array.from({ length: n }, (_, i) => i);
const sumTo = (n) => upTo(n).reduce((sum, i) => sum + i, 0);
const isNode = process.versions.bun === undefined && process.versions.deno === undefined;

/** Numbers without an end, that count themselves. */
function endless() {
  const state = { made: 0, closed: false };
  async function* rows() {
    try {
      while (true) yield state.made++;
    } finally {
      state.closed = true;
    }
  }
  return { state, rows: rows() };
}

async function until(condition, what) {
  for (let i = 0; !condition(); i++) {
    assert.ok(i < 2000, what);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function uploads(pool) {
  async function* rows(n) {
    for (let i = 0; i < n; i++) yield i;
  }
  for (const n of [0, 1, 63, 64, 65, 1000]) {
    assert.deepStrictEqual(await pool.call('import', { table: 'a', rows: rows(n) }), ['a', sumTo(n)]);
    assert.strictEqual(await pool.call('sum', rows(n)), sumTo(n));
  }
  assert.strictEqual(await pool.call('sum', upTo(10)[Symbol.iterator]()), 45);
  assert.strictEqual(await pool.call('sum', Readable.from(upTo(10))), 45);
  // As much as is read.
  const items = [];
  const { state, rows: numbers } = endless();
  for await (const item of pool.stream('pipe', numbers)) if (items.push(item) === 200) break;
  assert.deepStrictEqual(items, upTo(200));
  await until(() => state.closed, 'who leaves the results leaves the upload');
  assert.ok(state.made <= 200 + 64 * 4, `${state.made} were made for 200`);
  const half = endless();
  assert.deepStrictEqual(await pool.call('import', { table: 'b', rows: half.rows, most: 10 }), ['b', 45]);
  await until(() => half.state.closed, 'the handler has read enough');
  assert.ok(half.state.made <= 130, `${half.state.made} were made for 10`);
  const unread = new Readable({ read() {} });
  assert.strictEqual(await pool.call('closure', 1), 2);
  assert.strictEqual(await pool.call('nothing', { rows: unread }).catch(({ code }) => code), 'ERR_CALL_PARAMETERS');
  await until(() => unread.destroyed, 'what nobody reads is closed');
  async function* bad() {
    yield 1;
    throw Object.assign(new RangeError('no more'), { code: 'EROWS' });
  }
  await assert.rejects(pool.call('sum', bad()), { message: 'no more', code: 'EROWS' });
  const wrong = ['text'].values();
  await assert.rejects(pool.call('sum', wrong), /item: invalid type/);
  const stop = new AbortController();
  const left = endless();
  const slow = pool.call('import', { table: 'c', rows: left.rows }, { signal: stop.signal });
  setTimeout(() => stop.abort(), 50);
  await assert.rejects(slow, { code: 'ERR_CALL_ABORTED' });
  await until(() => left.state.closed, 'an upload ends with its call');
  // Many at once each get their own.
  const sums = await Promise.all(upTo(50).map((n) => pool.call('sum', rows(n * 3))));
  assert.deepStrictEqual(
    sums,
    upTo(50).map((n) => sumTo(n * 3)),
  );
  // The other way round.
  assert.strictEqual(await pool.call.args('upload', [1000, false]), sumTo(1000));
  await assert.rejects(pool.call.args('upload', [3, true]), /no more rows/);
}

async function handles(pool, given) {
  const open = (handle) => new Promise((resolve) => handle.on('close', resolve));
  for (let i = 0; i < 3; i++) {
    const { result, handle } = await pool.call('listen', null, { takesHandle: true });
    assert.strictEqual(handle.address().port, result);
    const closed = open(handle);
    handle.close();
    await closed;
    assert.strictEqual(typeof (await pool.call('listen')), 'number');
    const [mine, got, others] = await pool.call('exchange');
    assert.strictEqual(mine, got);
    assert.strictEqual(others, true);
  }
  assert.deepStrictEqual(
    given.map(({ had }) => had),
    given.map(() => true),
  );
}

/** Node leaves a server open that it has sent. */
const servers = [];

async function server() {
  const one = net.createServer().listen(0, '127.0.0.1');
  servers.push(one);
  await once(one, 'listening');
  return one;
}

(async () => {
  const given = [];
  const methods = {
    async import({ table, rows }) {
      assert.strictEqual(table, 't');
      let sum = 0;
      for await (const row of rows) sum += row;
      return sum;
    },
    async exchange(port, cx) {
      const handle = cx.handle;
      if (port !== 0) {
        given.push({ had: handle?.address().port === port });
        handle.close();
      }
      const one = await server();
      return cx.withHandle(one.address().port, one);
    },
    ignore: () => true,
  };
  const pool = new Pool(program, { size: 1, args: [driver], fork: { serialization }, methods });
  await uploads(pool);
  if (isNode) {
    await handles(pool, given);
    const before = await pool.call('descriptors');
    await handles(pool, given);
    await handles(pool, given);
    assert.ok((await pool.call('descriptors')) <= before, 'no descriptor is left');
  }
  await pool.destroy();

  // Who has not said that it can is not asked to.
  const peer = connectCalls(fork(program, [driver], { serialization }));
  await assert.rejects(peer.call('sum', upTo(3).values()), { code: 'ERR_CALL_UPLOAD' });
  const one = await server();
  await assert.rejects(peer.call('nothing', undefined, { handle: one }), { code: 'ERR_CALL_HANDLE' });
  await peer.ready();
  assert.strictEqual(await peer.call('sum', upTo(3).values()), 3);
  if (isNode) assert.strictEqual(await peer.call('nothing', undefined, { handle: one }), null);
  peer.close();
  for (const each of servers) each.close();
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
