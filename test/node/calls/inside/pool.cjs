'use strict';

// Pools of workers.

const assert = require('node:assert');
const diagnostics = require('node:diagnostics_channel');
const { writeFileSync, mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { alone, crossfork, isNode, run, until, workerPath } = require('./kit.cjs');

const { Pool } = crossfork;

const codeOf = (promise) =>
  promise.then(
    () => 'answered',
    (error) => error.code,
  );
const upTo = (count) => Array.from({ length: count }, (_, i) => i);
const states = (pool) => pool.stats().workers.map(({ state }) => state);

const scenarios = {
  'calls are shared by all workers, and each gets its own answer': async (t) => {
    const pool = t.pool('methods', { size: 2, concurrency: 4 });
    await pool.ready();
    const results = await Promise.all(upTo(200).map((i) => pool.call('echo', i)));
    assert.deepStrictEqual(results, upTo(200));
    const pids = await Promise.all(upTo(8).map(() => pool.call('pid')));
    assert.strictEqual(new Set(pids).size, 2);
  },

  'each worker has an id of its own, which its replacement gets too': async (t) => {
    const pool = t.pool('methods', { size: 2, concurrency: 1 });
    await pool.ready();
    const ids = () => Promise.all([pool.call('id'), pool.call('id')]).then((both) => both.sort());
    assert.deepStrictEqual(await ids(), ['1', '2']);
    await codeOf(pool.call('die'));
    await pool.ready();
    assert.deepStrictEqual(await ids(), ['1', '2']);
  },

  'no worker has more calls than its concurrency': async (t) => {
    const pool = t.pool('methods', { size: 2, concurrency: 3 });
    const calls = upTo(20).map(() => pool.call('later', 20));
    let most = 0;
    await Promise.all(
      calls.map((call) =>
        call.then(() => {
          most = Math.max(most, ...pool.stats().workers.map(({ running }) => running));
        }),
      ),
    );
    assert.ok(most <= 3, `${most}`);
  },

  'the concurrency is what the worker says, unless the pool says it': async (t) => {
    const pool = t.pool('methods', { size: 1, args: ['9'] });
    await pool.ready();
    assert.strictEqual(pool.stats().workers[0].concurrency, 9);
    const other = t.pool('methods', { size: 1, args: ['9'], concurrency: 2 });
    await other.ready();
    assert.strictEqual(other.stats().workers[0].concurrency, 2);
  },

  'a higher priority goes first, and equals in order': async (t) => {
    const pool = t.pool('methods', { size: 1, concurrency: 1 });
    const calls = [pool.call('later', 30)];
    const note = (text, priority) => calls.push(pool.call('note', text, { priority }));
    note('c', 0);
    note('d', 0);
    note('a', 2);
    note('b', 1);
    note('e', -1);
    await Promise.all(calls);
    assert.deepStrictEqual(await pool.call('seen'), ['a', 'b', 'c', 'd', 'e']);
  },

  'calls with a key go to one worker, and to the one that replaces it': async (t) => {
    const pool = t.pool('methods', { size: 3, concurrency: 8 });
    const owner = async (key) => new Set(await Promise.all(upTo(10).map(() => pool.call('id', undefined, { key }))));
    const owners = {};
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) {
      const ids = await owner(key);
      assert.strictEqual(ids.size, 1);
      [owners[key]] = ids;
    }
    assert.ok(new Set(Object.values(owners)).size > 1, 'keys are spread');
    await codeOf(pool.call('die', 'SIGKILL', { key: 'a' }));
    for (const [key, id] of Object.entries(owners)) assert.deepStrictEqual([...(await owner(key))], [id], key);
  },

  'a call with a key waits for its own worker, although others are free': async (t) => {
    const pool = t.pool('methods', { size: 2, concurrency: 1 });
    await pool.ready();
    const pid = await pool.call('pid', undefined, { key: 'k' });
    const busy = pool.call('later', 500, { key: 'k' });
    const waits = pool.call('pid', undefined, { key: 'k' });
    assert.strictEqual(pool.stats().waiting, 1);
    await pool.call('echo', 1);
    assert.strictEqual(pool.stats().waiting, 1);
    await busy;
    assert.strictEqual(await waits, pid);
  },

  'a queue that is full refuses, and drain tells when it is empty': async (t) => {
    const pool = t.pool('methods', { size: 1, concurrency: 1, maxQueue: 2 });
    await pool.ready();
    const drained = new Promise((resolve) => pool.once('drain', resolve));
    const calls = [pool.call('later', 20), pool.call('echo', 1), pool.call('echo', 2)];
    const error = await pool.call('echo', 3).catch((reason) => reason);
    assert.ok(error instanceof crossfork.QueueFullError);
    assert.strictEqual(error.code, 'ERR_QUEUE_FULL');
    assert.strictEqual(pool.needsDrain, true);
    await drained;
    assert.strictEqual(pool.needsDrain, false);
    await Promise.all(calls);
    await pool.call('echo', 4);
  },

  'cancelWaiting rejects what waits, and leaves what runs': async (t) => {
    const pool = t.pool('methods', { size: 1, concurrency: 1 });
    await pool.ready();
    const running = pool.call('later', 20);
    const waiting = [pool.call('echo', 1), pool.call('echo', 1, { key: 'k' })].map(codeOf);
    pool.cancelWaiting();
    assert.deepStrictEqual(await Promise.all(waiting), ['ERR_CALL_ABORTED', 'ERR_CALL_ABORTED']);
    assert.strictEqual(await running, 20);
    assert.strictEqual(pool.stats().waiting, 0);
  },

  'a call that is cancelled while it waits is never sent': async (t) => {
    const pool = t.pool('methods', { size: 1, concurrency: 1 });
    const running = pool.call('later', 100);
    const stop = new AbortController();
    const waiting = [
      pool.call('note', 'a', { signal: stop.signal }),
      pool.call('note', 'b', { timeout: 20 }),
      pool.call('note', 'c', { signal: AbortSignal.abort() }),
    ].map(codeOf);
    stop.abort();
    assert.deepStrictEqual(await Promise.all(waiting), ['ERR_CALL_ABORTED', 'ERR_CALL_TIMEOUT', 'ERR_CALL_ABORTED']);
    await running;
    assert.deepStrictEqual(await pool.call('seen'), []);
  },

  "a timeout of the pool is every call's, unless it has its own": async (t) => {
    const pool = t.pool('methods', { size: 1, concurrency: 4, timeout: 50 });
    await pool.ready();
    assert.strictEqual(await codeOf(pool.call('later', 60_000)), 'ERR_CALL_TIMEOUT');
    assert.strictEqual(await pool.call('later', 100, { timeout: 60_000 }), 100);
    assert.strictEqual(await pool.call('later', 100, { timeout: Infinity }), 100);
  },

  'a worker that ignores a cancel for the grace is replaced, and its other calls learn why': async (t) => {
    const pool = t.pool('methods', { size: 1, concurrency: 3, grace: 100 });
    const pid = await pool.call('pid');
    const guilty = codeOf(pool.call('never', undefined, { timeout: 20 }));
    const other = pool.call('never').catch((error) => error);
    const again = pool.call('later', 300, { retries: 1 });
    assert.strictEqual(await guilty, 'ERR_CALL_TIMEOUT');
    const error = await other;
    assert.deepStrictEqual([error.code, error.begun, error.cause.code], ['ERR_WORKER_DIED', true, 'ERR_CALL_GRACE']);
    assert.match(error.message, /'never' did not stop within 100 ms/);
    assert.strictEqual(await again, 300, 'what may be run again is');
    assert.notStrictEqual(await pool.call('pid'), pid);
  },

  'a worker that is blocked is replaced too': async (t) => {
    const pool = t.pool('methods', { size: 1, grace: 50 });
    const pid = await pool.call('pid');
    assert.strictEqual(await codeOf(pool.call('blocks', 60_000, { timeout: 20 })), 'ERR_CALL_TIMEOUT');
    assert.notStrictEqual(await pool.call('pid'), pid);
  },

  'a handler that heeds its signal in time keeps its worker': async (t) => {
    const pool = t.pool('methods', { size: 1, concurrency: 2, grace: 60_000 });
    const pid = await pool.call('pid');
    assert.strictEqual(await codeOf(pool.call('untilCancelled', 'x', { timeout: 20 })), 'ERR_CALL_TIMEOUT');
    await until(() => pool.stats().running === 0, 'the place is free');
    assert.strictEqual(await pool.call('pid'), pid);
  },

  'streams work through a pool, and hold their place until they end': async (t) => {
    const pool = t.pool('methods', { size: 1, concurrency: 1 });
    const items = [];
    for await (const i of pool.stream('numbers', 500)) items.push(i);
    assert.deepStrictEqual(items, upTo(500));
    for await (const _ of pool.stream('endless')) {
      assert.strictEqual(pool.stats().running, 1);
      break;
    }
    assert.strictEqual(await pool.call('echo', 'free again'), 'free again');
  },

  'map gives the results in order, and cancels what is left when its loop is left': async (t) => {
    const pool = t.pool('methods', { size: 2, concurrency: 2 });
    const results = [];
    for await (const ms of pool.map('later', [30, 1, 20, 2, 10])) results.push(ms);
    assert.deepStrictEqual(results, [30, 1, 20, 2, 10]);
    async function* endless() {
      for (let i = 0; ; i++) yield i;
    }
    for await (const i of pool.map('echo', endless(), { inFlight: 3 })) if (i === 10) break;
    await until(() => pool.stats().running + pool.stats().waiting === 0, 'nothing is left');
  },

  'callAll calls every worker, and notify tells every worker': async (t) => {
    const pool = t.pool('methods', { size: 3 });
    await pool.ready();
    pool.notify('note', 'for all');
    const all = await pool.callAll('seen');
    assert.deepStrictEqual(
      all.map(({ value }) => value),
      [['for all'], ['for all'], ['for all']],
    );
    const failed = await pool.callAll('nobody');
    assert.deepStrictEqual(new Set(failed.map(({ reason }) => reason.code)), new Set(['ERR_CALL_UNKNOWN_METHOD']));
  },

  'workers call the pool, and their messages are events': async (t) => {
    const pool = t.pool('methods', { size: 1, methods: { double: (n) => n * 2 } });
    assert.strictEqual(await pool.call('askParent', { method: 'double', params: 4 }), 8);
    const message = new Promise((resolve) => pool.once('message', (...args) => resolve(args)));
    await pool.call('message', { free: 'form' });
    const [value, handle, worker] = await message;
    assert.deepStrictEqual(value, { free: 'form' });
    assert.strictEqual(handle, undefined);
    assert.strictEqual(worker.pid, await pool.call('pid'));
  },

  'setUp prepares each worker before its first call, also each replacement': async (t) => {
    const pool = t.pool('methods', { size: 1, setUp: (worker) => worker.peer.call('note', `for ${worker.id}`) });
    assert.deepStrictEqual(await pool.call('seen'), ['for 1']);
    await codeOf(pool.call('die'));
    assert.deepStrictEqual(await pool.call('seen'), ['for 2']);
  },

  'workers are replaced after so many calls, and no call fails for it': async (t) => {
    const pool = t.pool('methods', { size: 1, maxCalls: 1, concurrency: 4 });
    const pids = await Promise.all(upTo(4).map(() => pool.call('pid')));
    assert.strictEqual(new Set(pids).size, 4);
    const other = t.pool('methods', { size: 2, maxCalls: 10, concurrency: 4 });
    assert.deepStrictEqual(await Promise.all(upTo(60).map((i) => other.call('echo', i))), upTo(60));
    assert.strictEqual(other.stats().lost, 0);
  },

  'workers are replaced when they are old, and no call fails for it': async (t) => {
    const pool = t.pool('methods', { size: 1, maxAge: 100, concurrency: 2 });
    const pids = new Set();
    await until(async () => pids.add(await pool.call('pid')).size === 3, 'two replacements');
    assert.strictEqual(pool.stats().lost, 0);
  },

  'workers are replaced when they have too much memory': async (t) => {
    const pool = t.pool('methods', { size: 1, maxMemory: 1000 });
    const pids = new Set();
    await until(async () => pids.add(await pool.call('pid')).size === 3, 'two replacements');
  },

  'reload replaces every worker, and no call fails for it': async (t) => {
    const pool = t.pool('methods', { size: 2, concurrency: 2 });
    await pool.ready();
    const before = new Set(pool.workers.map(({ pid }) => pid));
    const stop = { now: false };
    const load = upTo(4).map(async () => {
      while (!stop.now) await pool.call('later', 5);
    });
    const long = pool.call('later', 1500);
    await pool.reload();
    stop.now = true;
    await Promise.all(load);
    assert.strictEqual(await long, 1500);
    for (const { pid, state } of pool.workers) assert.ok(!before.has(pid) || state !== 'ready');
    assert.strictEqual(pool.stats().lost, 0);
  },

  'a reload that does not start leaves the old workers': async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'crossfork-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const script = join(folder, 'worker.cjs');
    writeFileSync(script, `require(${JSON.stringify(workerPath('methods'))})`);
    const pool = new Pool(script, { size: 1 });
    t.after(() => pool.destroy());
    pool.on('stderr', () => {});
    const pid = await pool.call('pid');
    writeFileSync(script, 'throw new Error("broken release")');
    await assert.rejects(pool.reload(), { code: 'ERR_POOL_START', message: /broken release/ });
    assert.strictEqual(await pool.call('pid'), pid);
    writeFileSync(script, `require(${JSON.stringify(workerPath('methods'))})`);
    await pool.reload();
    assert.notStrictEqual(await pool.call('pid'), pid);
  },

  'a pool between min and max grows with what waits, and shrinks when it is idle': async (t) => {
    const pool = t.pool('methods', { size: undefined, min: 1, max: 3, concurrency: 1, idleTimeout: 200 });
    await pool.ready();
    assert.strictEqual(pool.workers.length, 1);
    const calls = upTo(12).map(() => pool.call('later', 300));
    await until(() => pool.workers.length === 3, 'three workers');
    await Promise.all(calls);
    await until(() => pool.workers.length === 1, 'one worker');
    assert.strictEqual(await pool.call('echo', 1), 1);
  },

  'a lazy pool starts nothing before the first call': async (t) => {
    const pool = t.pool('methods', { size: 2, lazy: true });
    assert.strictEqual(pool.workers.length, 0);
    assert.strictEqual(await pool.call('echo', 1), 1);
    assert.ok(pool.workers.length >= 1);
  },

  'a pool that cannot start rejects everything with the reason': async (t) => {
    const pool = t.pool('throws', { size: 2 });
    pool.on('stderr', () => {});
    const calls = [pool.call('echo', 1), pool.call('echo', 1, { key: 'k' })];
    for (const call of calls) {
      const error = await call.catch((reason) => reason);
      assert.ok(error instanceof crossfork.PoolStartError);
      assert.strictEqual(error.code, 'ERR_POOL_START');
      assert.match(error.message, /it never starts/);
    }
    await assert.rejects(pool.ready(), { code: 'ERR_POOL_START' });
    await assert.rejects(pool.call('echo', 1), { code: 'ERR_POOL_START' });
  },

  'a set-up that fails is the reason, in the worker and in the parent': async (t) => {
    const pool = t.pool('set-up', { size: 1, args: ['fails'] });
    await assert.rejects(pool.call('isSetUp'), { code: 'ERR_POOL_START', message: /no set-up today/ });
    const other = t.pool('methods', {
      size: 1,
      setUp: () => {
        throw new Error('not prepared');
      },
    });
    await assert.rejects(other.call('echo'), { code: 'ERR_POOL_START', message: /not prepared/ });
  },

  'a worker that never says that it is ready is told of': async (t) => {
    const pool = t.pool('silent', { size: 1, startTimeout: 300 });
    await assert.rejects(pool.call('echo', 1), { code: 'ERR_POOL_START', message: /Does it call serve/ });
  },

  'a pool recovers when its workers start again': async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'crossfork-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const script = join(folder, 'worker.cjs');
    writeFileSync(script, 'process.exit(3)');
    const pool = new Pool(script, { size: 1 });
    t.after(() => pool.destroy());
    const error = await pool.call('echo', 1).catch((reason) => reason);
    assert.match(error.message, /exit code 3/);
    writeFileSync(script, `require(${JSON.stringify(workerPath('methods'))})`);
    await until(async () => (await pool.call('echo', 'again').catch(() => {})) === 'again', 'it works again');
  },

  'close waits for all calls, and lets workers tear down': async (t) => {
    const pool = t.pool('methods', { size: 2, fork: { env: { ...process.env, CROSSFORK_TEST_TEAR_DOWN: '1' } } });
    const messages = [];
    pool.on('message', (message) => messages.push(message));
    const exits = [];
    pool.on('workerExit', (_, { exitCode, signal }) => exits.push([exitCode, signal]));
    await pool.ready();
    const calls = upTo(6).map(() => pool.call('later', 20));
    const closed = pool.close();
    assert.strictEqual(await codeOf(pool.call('echo', 1)), 'ERR_POOL_CLOSED');
    assert.deepStrictEqual(await Promise.all(calls), [20, 20, 20, 20, 20, 20]);
    assert.deepStrictEqual(await closed, { killed: 0 });
    assert.deepStrictEqual(messages, ['torn down', 'torn down']);
    assert.deepStrictEqual(exits, [
      [0, null],
      [0, null],
    ]);
    assert.strictEqual(pool.close(), pool.close());
  },

  'close kills a worker that does not end, and says so': async (t) => {
    const pool = t.pool('stays', { size: 1, closeTimeout: 200 });
    await pool.call('echo', 1);
    assert.deepStrictEqual(await pool.close(), { killed: 1 });
  },

  'destroy rejects all calls at once, and leaves no process': async (t) => {
    const pool = t.pool('methods', { size: 2, concurrency: 1 });
    await pool.ready();
    const pids = pool.workers.map(({ pid }) => pid);
    const calls = [...upTo(5).map(() => pool.call('never')), pool.call('never', 1, { key: 'k' })].map(codeOf);
    const stream = pool.stream('never');
    const destroyed = pool.destroy();
    assert.deepStrictEqual(new Set(await Promise.all(calls)), new Set(['ERR_POOL_CLOSED']));
    await assert.rejects(stream.next(), { code: 'ERR_POOL_CLOSED' });
    assert.deepStrictEqual(await destroyed, { killed: 2 });
    for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
    await pool.close();
  },

  'destroy ends a close that waits': async (t) => {
    const pool = t.pool('methods', { size: 1 });
    const call = codeOf(pool.call('never'));
    const closing = pool.close();
    await pool.destroy();
    assert.strictEqual(await call, 'ERR_POOL_CLOSED');
    await closing;
  },

  'await using closes it': async (t) => {
    const pool = t.pool('methods', { size: 1 });
    assert.strictEqual(await pool.call('echo', 1), 1);
    await pool[Symbol.asyncDispose]();
    assert.ok(pool.closed);
  },

  'stderr and stdout of the workers are events': async (t) => {
    const pool = t.pool('methods', { size: 1, fork: { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] } });
    const heard = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) pool.on(name, (chunk) => (heard[name] += chunk));
    await pool.call('print', 'hello');
    await until(() => heard.stdout === 'hello\n' && heard.stderr === 'hello\n', 'both');
  },

  'stats account for every call': async (t) => {
    const pool = t.pool('methods', { size: 2, concurrency: 2, grace: 50 });
    const calls = [
      ...upTo(10).map((i) => pool.call('echo', i)),
      pool.call('throws', {}),
      pool.call('later', 5000, { timeout: 20 }),
      pool.call('later', 5000, { signal: AbortSignal.abort() }),
    ];
    await Promise.allSettled(calls);
    await until(() => pool.stats().running === 0, 'the worker is replaced');
    await codeOf(pool.call('die'));
    const { completed, failed, timedOut, aborted, lost, refused, waiting, running, waitTime, runTime } = pool.stats();
    assert.deepStrictEqual(
      { completed, failed, timedOut, aborted, lost, refused, waiting, running },
      { completed: 10, failed: 1, timedOut: 1, aborted: 1, lost: 1, refused: 0, waiting: 0, running: 0 },
    );
    for (const { count, min, p50, p99, max } of [waitTime, runTime]) {
      assert.ok(count >= 12 && min <= p50 && p50 <= p99 && p99 <= max);
    }
    await pool.ready();
    await pool.call('echo', 1);
    const rss = pool.stats().workers.map((worker) => worker.rss);
    assert.ok(
      rss.some((bytes) => bytes > 1_000_000),
      `${rss}`,
    );
  },

  'diagnostics channels tell of calls and workers': alone(async (t) => {
    const told = [];
    const listen = (name) => {
      const listener = (message) => told.push([name, message.call?.method ?? message.worker.id]);
      diagnostics.subscribe(`crossfork:${name}`, listener);
      t.after(() => diagnostics.unsubscribe(`crossfork:${name}`, listener));
    };
    for (const name of ['call:made', 'call:sent', 'call:settled']) listen(name);
    for (const name of ['worker:started', 'worker:ready', 'worker:ended']) listen(name);
    const pool = t.pool('methods', { size: 1 });
    await pool.ready();
    await pool.call('echo', 1);
    await pool.close();
    assert.deepStrictEqual(told, [
      ['worker:started', 1],
      ['worker:ready', 1],
      ['call:made', 'echo'],
      ['call:sent', 'echo'],
      ['call:settled', 'echo'],
      ['worker:ended', 1],
    ]);
  }),

  'what a call is traced by may be set when it is made': alone(async (t) => {
    const listener = ({ call }) => {
      call.traceparent ??= `trace of ${call.method}`;
    };
    diagnostics.subscribe('crossfork:call:made', listener);
    t.after(() => diagnostics.unsubscribe('crossfork:call:made', listener));
    assert.strictEqual((await t.pool('methods', { size: 1 }).call('context')).traceparent, 'trace of context');
  }),

  'options that are wrong are thrown': () => {
    const file = workerPath('methods');
    const wrong = (options, code) => assert.throws(() => new Pool(file, options), { code }, JSON.stringify(options));
    wrong({ sise: 4 }, 'ERR_INVALID_ARG_VALUE');
    wrong({ size: 0 }, 'ERR_OUT_OF_RANGE');
    wrong({ size: '4' }, 'ERR_INVALID_ARG_TYPE');
    wrong({ min: 3, max: 2 }, 'ERR_OUT_OF_RANGE');
    wrong({ exec: 'binary' }, 'ERR_INVALID_ARG_VALUE');
    wrong({ args: [1] }, 'ERR_INVALID_ARG_TYPE');
    wrong({ fork: { signal: AbortSignal.abort() } }, 'ERR_INVALID_ARG_VALUE');
    wrong({ methods: { notAFunction: 1 } }, 'ERR_INVALID_ARG_TYPE');
    if (!isNode) wrong({ fork: { serialization: 'advanced' } }, 'ERR_INVALID_ARG_VALUE');
    assert.throws(() => new Pool('./nowhere.js'), { code: 'ENOENT' });
    assert.throws(() => new Pool('./nowhere'), { code: 'ENOENT' });
    assert.throws(() => new Pool(5), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => new Pool(join(__dirname, '../../../../package.json')), { message: /exec: 'script'/ });
  },

  'a program that is a script by its first line is started as a program': {
    unless: () => process.versions.deno !== undefined && 'it has no scripts without a name of their own',
    run: async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'crossfork-'));
      t.after(() => rmSync(folder, { recursive: true }));
      const program = join(folder, 'worker');
      const text = `#!${process.execPath}\nrequire(${JSON.stringify(workerPath('methods'))})`;
      writeFileSync(program, text, { mode: 0o755 });
      const pool = new Pool(program, { size: 1 });
      t.after(() => pool.destroy());
      assert.strictEqual(await pool.call('echo', 'a program'), 'a program');
    },
  },

  'several pools at once are apart': async (t) => {
    const pools = upTo(3).map(() => t.pool('methods', { size: 1 }));
    const pids = await Promise.all(pools.map((pool) => pool.call('pid')));
    assert.strictEqual(new Set(pids).size, 3);
    await pools[0].destroy();
    assert.strictEqual(await pools[1].call('echo', 1), 1);
    assert.deepStrictEqual(states(pools[2]), ['ready']);
  },
};

// Most wait for workers that start.
run(scenarios, { atOnce: 4 });
