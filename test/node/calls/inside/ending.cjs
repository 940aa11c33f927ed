'use strict';

// How pools end: closed, destroyed or replaced while something else is under way. This file is the worker of its scenarios too.

const assert = require('node:assert');
const { crossfork, isNode, run, until } = require('./kit.cjs');

const THIS = '../inside/ending';

const codeOf = (promise) =>
  promise.then(
    () => 'answered',
    (error) => error.code,
  );
const upTo = (count) => Array.from({ length: count }, (_, i) => i);

/** Something that is waited for until somebody opens it. */
function gate() {
  let open;
  const opened = new Promise((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

function worker() {
  const [how] = process.argv.slice(2);
  const parent = crossfork.serve(
    { echo: (value) => value, pid: () => process.pid },
    {
      async tearDown() {
        await new Promise((resolve) => setTimeout(resolve, how === 'stuck' ? 600_000 : 20));
        process.send(`${process.env.CROSSFORK_WORKER_ID} is torn down`);
      },
    },
  );
  parent.on('message', () => {});
}

const isGone = (pid) => {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
};

const scenarios = {
  'a pool that was not used closes, however few workers it has': async (t) => {
    for (const options of [{ size: 1 }, { size: 2, lazy: true }, { size: undefined, min: 0, max: 2 }]) {
      const pool = t.pool('methods', options);
      let closes = 0;
      pool.on('close', () => closes++);
      await pool.close();
      assert.deepStrictEqual([closes, pool.workers, pool.stats().workers, pool.closed], [1, [], [], true]);
    }
  },

  'a pool without a least number of workers starts one for its first call': async (t) => {
    const pool = t.pool('methods', { size: undefined, min: 0, max: 2 });
    assert.deepStrictEqual(pool.workers, []);
    assert.strictEqual(await pool.call('echo', 1), 1);
    assert.strictEqual(pool.workers.length, 1);
    await pool.ready();
  },

  'close waits for calls that were made before any worker was ready': async (t) => {
    const pool = t.pool('methods', { size: 1, concurrency: 1 });
    const calls = upTo(4).map((i) => pool.call('echo', i));
    assert.deepStrictEqual(await pool.close(), { killed: 0 });
    assert.deepStrictEqual(await Promise.all(calls), upTo(4));
  },

  'close waits for calls that fail, and for the ends of the processes': async (t) => {
    const pool = t.pool('methods', { size: 2 });
    await pool.ready();
    const pids = pool.workers.map(({ pid }) => pid);
    const calls = [codeOf(pool.call('nobody')), codeOf(pool.call('die')), pool.call('later', 20)];
    await pool.close();
    assert.deepStrictEqual(await Promise.all(calls), ['ERR_CALL_UNKNOWN_METHOD', 'ERR_WORKER_DIED', 20]);
    for (const pid of pids) assert.ok(isGone(pid));
  },

  'close ends although no worker starts': async (t) => {
    const pool = t.pool('throws', { size: 1 });
    pool.on('stderr', () => {});
    const call = codeOf(pool.call('echo', 1));
    await pool.close();
    assert.strictEqual(await call, 'ERR_POOL_START');
  },

  'destroy before any worker is ready rejects all calls, and leaves no process': async (t) => {
    const pool = t.pool('methods', { size: 2 });
    const pids = pool.workers.map(({ pid }) => pid);
    const calls = [codeOf(pool.call('echo', 1)), codeOf(pool.ready())];
    await pool.destroy();
    assert.deepStrictEqual(await Promise.all(calls), ['ERR_POOL_CLOSED', 'ERR_POOL_CLOSED']);
    assert.deepStrictEqual(pool.workers, []);
    for (const pid of pids) assert.ok(isGone(pid));
  },

  'a worker that prepares itself when the pool is destroyed gets no call': async (t) => {
    const { open, opened } = gate();
    const pool = t.pool('methods', { size: 1, setUp: () => opened });
    await until(() => pool.workers[0].process.connected, 'it has started');
    const call = codeOf(pool.call('echo', 1));
    const destroyed = pool.destroy();
    open();
    await destroyed;
    assert.strictEqual(await call, 'ERR_POOL_CLOSED');
  },

  'who asks something of a pool that is closed is told so, and tells nobody': async (t) => {
    const pool = t.pool('methods', { size: 1 });
    await pool.call('echo', 1);
    const [{ peer }] = pool.workers;
    await pool.close();
    const closed = { code: 'ERR_POOL_CLOSED' };
    await assert.rejects(pool.call('echo', 1), closed);
    await assert.rejects(pool.stream('numbers', 1).next(), closed);
    await assert.rejects(pool.map('echo', [1]).next(), closed);
    await assert.rejects(pool.ready(), closed);
    await assert.rejects(pool.reload(), closed);
    assert.deepStrictEqual(await pool.callAll('echo', 1), []);
    pool.notify('note', 1);
    pool.cancelWaiting();
    assert.strictEqual(await codeOf(peer.call('echo', 1)), 'ERR_WORKER_DIED');
    assert.deepStrictEqual(await pool.destroy(), { killed: 0 });
  },

  'a reload that is under way when the pool is destroyed says so': async (t) => {
    const { open, opened } = gate();
    const pool = t.pool('methods', { size: 2, setUp: ({ id }) => (id > 2 ? opened : undefined) });
    await pool.ready();
    const reloads = [codeOf(pool.reload()), codeOf(pool.reload())];
    await until(() => pool.workers.length === 3, 'a new worker has started');
    await pool.destroy();
    open();
    assert.deepStrictEqual(await Promise.all(reloads), ['ERR_POOL_CLOSED', 'ERR_POOL_CLOSED']);
    assert.deepStrictEqual(pool.workers, []);
  },

  'a reload and a close at the same time both end, and no call is lost': async (t) => {
    const pool = t.pool('methods', { size: 2, concurrency: 2 });
    await pool.ready();
    const calls = upTo(8).map((i) => pool.call('later', i));
    const reloaded = codeOf(pool.reload());
    const closed = pool.close();
    assert.deepStrictEqual(await Promise.all(calls), upTo(8));
    await closed;
    assert.ok(['answered', 'ERR_POOL_CLOSED'].includes(await reloaded));
    assert.strictEqual(pool.stats().lost, 0);
  },

  'who reloads twice gets workers that are new since the second time': async (t) => {
    const pool = t.pool('methods', { size: 1 });
    await pool.ready();
    const first = pool.reload();
    await until(() => pool.workers.some(({ id }) => id === 2), 'the first is under way');
    await Promise.all([first, pool.reload()]);
    assert.deepStrictEqual(
      pool.workers.filter(({ state }) => state === 'ready').map(({ id }) => id),
      [3],
    );
  },

  'a tear-down is waited for when a worker is replaced, and when the pool closes': async (t) => {
    const pool = t.pool(THIS, { size: 1, maxCalls: 1 });
    const told = [];
    pool.on('message', (message) => told.push(message));
    const pids = [await pool.call('pid'), await pool.call('pid')];
    assert.notStrictEqual(...pids);
    await until(() => told.length === 2, 'both that were replaced have told');
    await pool.reload();
    assert.deepStrictEqual(await pool.close(), { killed: 0 });
    assert.deepStrictEqual(new Set(told), new Set(['1 is torn down']));
  },

  'a tear-down that does not end is ended': async (t) => {
    const pool = t.pool(THIS, { size: 1, args: ['stuck'], closeTimeout: 100 });
    await pool.call('echo', 1);
    assert.deepStrictEqual(await pool.close(), { killed: 1 });
  },

  'a generator is closed when its channel goes in the middle of it': async (t) => {
    let made = 0;
    const { open, opened } = gate();
    const methods = {
      async *endless() {
        try {
          while (true) yield made++;
        } finally {
          open();
        }
      },
    };
    const peer = t.connect(THIS, { methods });
    await peer.ready();
    peer.child.emit('message', {
      jsonrpc: '2.0',
      id: 'of a test',
      method: 'endless',
      crossfork: { bundles: 1, stream: 10 },
    });
    await until(() => made >= 10, 'it has made what was asked for');
    peer.child.kill('SIGKILL');
    await opened;
    assert.ok(made <= 11, `${made}`);
  },
};

if (process.send === undefined) run(scenarios, { atOnce: isNode ? 3 : 1 });
else worker();
