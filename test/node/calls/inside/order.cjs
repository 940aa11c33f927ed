'use strict';

// Who gets which call, and when: the order of what waits, and how many workers there are for it.

const assert = require('node:assert');
const { run, until } = require('./kit.cjs');

const upTo = (count) => Array.from({ length: count }, (_, i) => i);

/** Something that is waited for until somebody opens it. */
function gate() {
  let open;
  const opened = new Promise((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

run(
  {
    'calls with and without a key are begun in the order in which they were made': async (t) => {
      const pool = t.pool('methods', { size: 1, concurrency: 1 });
      const calls = [pool.call('later', 30)];
      for (const i of upTo(12)) calls.push(pool.call('note', `${i}`, i % 3 === 0 ? { key: 'k' } : {}));
      calls.push(pool.call('note', 'first', { key: 'other', priority: 1 }));
      await Promise.all(calls);
      assert.deepStrictEqual(await pool.call('seen'), ['first', ...upTo(12).map(String)]);
    },

    'none of many calls with and without keys is lost, and those of a key stay in order': async (t) => {
      const pool = t.pool('methods', { size: 2, concurrency: 1 });
      await pool.ready();
      const calls = upTo(200).map((i) => {
        const key = i % 3 === 0 ? undefined : `${i % 5}`;
        return pool.call('note', `${key} ${i}`, { key });
      });
      await Promise.all(calls);
      const seen = (await pool.callAll('seen')).map(({ value }) => value);
      assert.strictEqual(new Set(seen.flat()).size, 200);
      for (const of of upTo(5)) {
        const numbers = seen.map((texts) =>
          texts.filter((text) => text.startsWith(`${of} `)).map((text) => Number(text.slice(2))),
        );
        const [own] = numbers.filter(({ length }) => length > 0);
        assert.strictEqual(numbers.flat().length, own.length, 'all at one worker');
        assert.deepStrictEqual(
          own,
          [...own].sort((a, b) => a - b),
        );
      }
    },

    'what waits goes to a worker that is free, and does not wait for one that starts': async (t) => {
      const { open, opened } = gate();
      const setUp = ({ id }) => (id === 1 ? undefined : opened);
      const pool = t.pool('methods', { size: undefined, min: 1, max: 2, concurrency: 1, setUp });
      const first = await pool.call('pid');
      const busy = pool.call('later', 50);
      const waits = pool.call('pid');
      assert.strictEqual(pool.workers.length, 2, 'another starts for it');
      await busy;
      assert.strictEqual(await waits, first);
      open();
    },

    'calls one after another need one worker, where others would have to be started': async (t) => {
      for (const options of [
        { size: 3, lazy: true },
        { size: undefined, min: 0, max: 3 },
      ]) {
        const pool = t.pool('methods', options);
        const pids = new Set();
        for (const _ of upTo(6)) pids.add(await pool.call('pid'));
        assert.deepStrictEqual([pids.size, pool.workers.length], [1, 1]);
      }
    },

    'calls one after another go to all workers, where all are there anyway': async (t) => {
      const pool = t.pool('methods', { size: 3 });
      await pool.ready();
      const pids = new Set();
      for (const _ of upTo(3)) pids.add(await pool.call('pid'));
      assert.strictEqual(pids.size, 3);
    },

    'a pool that has grown shrinks, although calls go on that fewer workers can do': async (t) => {
      const pool = t.pool('methods', { size: undefined, min: 1, max: 3, concurrency: 1, idleTimeout: 100 });
      const many = upTo(3).map(() => pool.call('later', 500));
      await until(() => pool.stats().workers.filter(({ state }) => state === 'ready').length === 3, 'three workers');
      await Promise.all(many);
      await until(async () => {
        for (const i of upTo(10)) await pool.call('echo', i);
        return pool.workers.length === 1;
      }, 'one worker');
      assert.strictEqual(pool.stats().restarts, 0);
    },

    'without a queue a call waits for a worker that is starting, and for nothing else': async (t) => {
      for (const options of [{ size: 1 }, { size: 1, lazy: true }, { size: undefined, min: 0, max: 1 }]) {
        const pool = t.pool('methods', { ...options, concurrency: 1, maxQueue: 0 });
        const call = pool.call('later', 20);
        await assert.rejects(pool.call('echo', 1), { code: 'ERR_QUEUE_FULL' });
        assert.strictEqual(await call, 20);
        assert.strictEqual(await pool.call('echo', 2), 2);
      }
    },

    'without a queue a pool grows to all of its workers, and no further': async (t) => {
      const pool = t.pool('methods', { size: undefined, min: 1, max: 3, concurrency: 1, maxQueue: 0 });
      await pool.ready();
      const calls = upTo(3).map(() => pool.call('later', 300));
      await assert.rejects(pool.call('echo', 1), { code: 'ERR_QUEUE_FULL' });
      assert.deepStrictEqual(await Promise.all(calls), [300, 300, 300]);
      assert.strictEqual(pool.stats().refused, 1);
    },

    'a worker that had its last call is replaced, and there are never more workers than that': async (t) => {
      const pool = t.pool('methods', { size: undefined, min: 0, max: 2, maxCalls: 1, concurrency: 4 });
      let most = 0;
      const isThere = ({ state }) => state === 'starting' || state === 'ready' || state === 'retiring';
      const calls = upTo(7).map(async () => {
        const id = await pool.call('id');
        most = Math.max(most, pool.workers.filter(isThere).length);
        return id;
      });
      const ids = await Promise.all(calls);
      assert.ok(ids.every((id) => id === '1' || id === '2'));
      assert.ok(most <= 2, `${most}`);
      assert.strictEqual(pool.stats().lost, 0);
    },

    'calls that do not end leave one old worker behind, and no process for each of them': async (t) => {
      const pool = t.pool('methods', { size: 1, concurrency: 2, maxCalls: 2, grace: 60_000 });
      const stop = new AbortController();
      const stuck = [];
      for (const name of ['a', 'b']) {
        await pool.ready();
        stuck.push(pool.call('untilCancelled', name, { signal: stop.signal }).catch(({ code }) => code));
        await pool.call('echo', name);
      }
      const waits = pool.call('echo', 'c');
      await until(() => pool.workers.length === 2 && pool.stats().waiting === 1, 'two have calls that do not end');
      stop.abort();
      assert.strictEqual(await waits, 'c');
      assert.deepStrictEqual(await Promise.all(stuck), ['ERR_CALL_ABORTED', 'ERR_CALL_ABORTED']);
    },

    'workers that always have too much memory lose no call': async (t) => {
      const pool = t.pool('methods', { size: 2, maxMemory: 10, concurrency: 2 });
      assert.deepStrictEqual(await Promise.all(upTo(20).map((i) => pool.call('echo', i))), upTo(20));
      assert.strictEqual(pool.stats().lost, 0);
    },

    'figures are nothing before anything is done, and parts of the time afterwards': async (t) => {
      const pool = t.pool('methods', { size: 1 });
      const before = pool.stats();
      for (const name of ['waiting', 'running', 'restarts', 'completed', 'failed', 'lost', 'refused', 'utilization']) {
        assert.strictEqual(before[name], 0, name);
      }
      assert.deepStrictEqual([before.waitTime.count, before.runTime.p99], [0, 0]);
      await Promise.all(upTo(10).map(() => pool.call('later', 5)));
      const { utilization, runTime, workers } = pool.stats();
      assert.ok(utilization > 0 && utilization <= 1, `${utilization}`);
      assert.ok(runTime.min >= 4 && runTime.max >= runTime.mean && runTime.count === 10);
      assert.strictEqual(workers[0].completed, 10);
    },

    'callAll gives no worker a stream, for all would have to share it': async (t) => {
      const pool = t.pool('uploads', { size: 2 });
      await pool.ready();
      let taken = 0;
      const rows = {
        async *[Symbol.asyncIterator]() {
          yield ++taken;
        },
      };
      for (const params of [rows, { rows, factor: 1 }]) {
        assert.throws(() => pool.callAll('sum', params), { code: 'ERR_CALL_UPLOAD', message: /each worker/ });
      }
      assert.strictEqual(taken, 0);
      assert.strictEqual(await pool.call('sum', { rows, factor: 1 }), 1, 'it is still there for one');
    },

    'calls that cannot be sent at all are refused one by one, however many wait': async (t) => {
      // What is no end of ours reads no streams among parameters.
      const pool = t.pool('plain', { size: 1 });
      await pool.ready();
      const held = pool.call('echo', 1);
      const calls = upTo(20_000).map(() => pool.call('echo', [1].values()));
      const outcomes = await Promise.allSettled(calls);
      assert.deepStrictEqual([...new Set(outcomes.map(({ reason }) => reason.code))], ['ERR_CALL_UPLOAD']);
      assert.strictEqual(await held, 1);
      const { waiting, running } = pool.stats();
      assert.deepStrictEqual([waiting, running], [0, 0]);
    },
  },
  { atOnce: 3 },
);
