'use strict';

// Workers that die, at every point of a call: no call is left pending, answered twice, or run twice unless it may be.

const assert = require('node:assert');
const { existsSync, mkdtempSync, readFileSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { alone, crossfork, isNode, MODES, openFds, run, until } = require('./kit.cjs');

const upTo = (count) => Array.from({ length: count }, (_, i) => i);
const failure = (promise) =>
  promise.then(
    (value) => assert.fail(`answered: ${value}`),
    (error) => error,
  );

/** A folder in which workers write down each call that they begin. */
function journal(t) {
  const folder = mkdtempSync(join(tmpdir(), 'crossfork-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'journal');
  return {
    env: { ...process.env, CROSSFORK_TEST_JOURNAL: file },
    begun: () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []),
  };
}

/** Of the scenario in which everything happens at random. `test/interop/calls-soak.test.mjs` has many more. */
const CALLS = 600;

/** Where in a call a worker can die; `method` of the worker `dies` does so. */
const POINTS = ['stopped', 'onArrival', 'running', 'afterProgress', 'afterItems', 'whileAnswering', 'afterAnswering'];

const inEachMode = (name, scenario) =>
  MODES.map((serialization) => [`${name} (${serialization})`, (t) => scenario(t, serialization)]);

run(
  Object.fromEntries([
    ...POINTS.flatMap((point) =>
      inEachMode(`a worker that dies: ${point}`, async (t, serialization) => {
        const { env, begun } = journal(t);
        const pool = t.pool('dies', { size: 2, concurrency: 4, fork: { env, serialization } });
        await pool.ready();
        const outcomes = [];
        const note = (promise) =>
          promise.then(
            (value) => outcomes.push(value),
            (error) => outcomes.push(error),
          );
        let stopped;
        const onProgress = (pid) => {
          if (point !== 'stopped') return;
          process.kill(pid, 'SIGSTOP');
          stopped(pid);
        };
        const calls = [note(pool.call('die', { point }, { onProgress }))];
        const pid = point === 'stopped' && (await new Promise((resolve) => (stopped = resolve)));
        // Of one of them the channel takes a part.
        const large = point === 'stopped' ? 'x'.repeat(1_000_000) : undefined;
        calls.push(
          ...upTo(6).map((i) => note(pool.call('work', { i, large }))),
          note(collect(pool.stream('dieStreaming', { point }))),
        );
        if (pid) setTimeout(() => process.kill(pid, 'SIGKILL'), 20);
        await Promise.all(calls);
        assert.strictEqual(outcomes.length, 8, 'each call has one outcome');
        for (const error of outcomes.filter((each) => each instanceof Error)) {
          assert.strictEqual(error.code, 'ERR_WORKER_DIED', error.stack);
          assert.strictEqual(error.begun, true);
        }
        const counts = new Map();
        for (const line of begun()) counts.set(line, (counts.get(line) ?? 0) + 1);
        for (const [line, count] of counts) assert.strictEqual(count, 1, `${line} was run ${count} times`);
        assert.strictEqual(await pool.call('work', { i: 'after' }, { retries: 3 }), 'after', 'the pool goes on');
        await until(() => pool.stats().running === 0, 'nothing is left running');
        const { waiting, running } = pool.stats();
        assert.deepStrictEqual([waiting, running], [0, 0]);
      }),
    ),

    ...inEachMode('calls that wait in the pool are not lost with a worker', async (t, serialization) => {
      const pool = t.pool('methods', { size: 1, concurrency: 1, fork: { serialization } });
      await pool.ready();
      const dying = failure(pool.call('die'));
      const waiting = upTo(20).map((i) => pool.call('echo', i));
      assert.strictEqual((await dying).begun, true);
      assert.deepStrictEqual(await Promise.all(waiting), upTo(20));
    }),

    ...inEachMode(
      'a worker that is killed while it starts is started again, and calls wait for it',
      async (t, serialization) => {
        const pool = t.pool('methods', { size: 1, fork: { serialization } });
        const call = pool.call('echo', 'at last');
        pool.workers[0].process.kill('SIGKILL');
        assert.strictEqual(await call, 'at last');
        assert.strictEqual(pool.stats().lost, 0);
      },
    ),

    ...inEachMode('a call that may be run again is, as often as it says', async (t, serialization) => {
      const { env, begun } = journal(t);
      const pool = t.pool('dies', { size: 2, fork: { env, serialization } });
      const error = await failure(pool.call('die', { point: 'running' }, { retries: 2 }));
      assert.deepStrictEqual([error.code, error.begun], ['ERR_WORKER_DIED', true]);
      assert.strictEqual(begun().length, 3);
    }),

    ...inEachMode('the error says how the worker ended, and what it said last', async (t, serialization) => {
      const pool = t.pool('methods', { size: 1, fork: { serialization } });
      pool.on('stderr', () => {});
      const exited = await failure(pool.call('exit', 7));
      assert.deepStrictEqual([exited.exitCode, exited.signal, exited.stderr], [7, null, 'a last word']);
      assert.match(exited.message, /exit code 7[\s\S]*a last word/);
      const killed = await failure(pool.call('die', 'SIGTERM'));
      assert.deepStrictEqual([killed.exitCode, killed.signal], [null, 'SIGTERM']);
    }),

    ...inEachMode('a worker that closes its channel and lives on is ended', async (t, serialization) => {
      const pool = t.pool('methods', { size: 1, fork: { serialization } });
      const pid = await pool.call('pid');
      assert.strictEqual((await failure(pool.call('disconnect'))).code, 'ERR_WORKER_DIED');
      await until(() => {
        try {
          process.kill(pid, 0);
          return false;
        } catch {
          return true;
        }
      }, 'it is gone');
      assert.notStrictEqual(await pool.call('pid'), pid);
    }),

    ...inEachMode('a plain child that dies rejects what it was asked', async (t, serialization) => {
      const peer = t.connect('methods', { serialization });
      await peer.ready();
      const calls = ['never', 'later', 'die', 'never'].map((method) => failure(peer.call(method, undefined)));
      for (const call of calls) {
        const error = await call;
        assert.ok(error instanceof crossfork.WorkerDiedError);
        assert.strictEqual(error.begun, true);
        assert.strictEqual(error.signal, 'SIGKILL');
      }
      const late = await failure(peer.call('echo', 1));
      assert.deepStrictEqual([late.code, late.begun], ['ERR_WORKER_DIED', false]);
    }),

    ...inEachMode('a worker that is ending gives back what it has not begun', async (t, serialization) => {
      const { env, begun } = journal(t);
      const pool = t.pool('dies', { size: 2, concurrency: 6, args: ['2'], fork: { env, serialization } });
      await pool.ready();
      const calls = upTo(12).map((i) => pool.call('slow', { i }));
      const [first] = pool.workers;
      // As a pool does, although this one does not know of it.
      first.peer.notify('$/crossfork/bye');
      assert.deepStrictEqual(await Promise.all(calls), upTo(12));
      assert.strictEqual(begun().length, 12, 'each was run once');
      assert.strictEqual(pool.stats().lost, 0);
    }),

    ...inEachMode(
      'a hostile worker: its wrong answers change nothing, and the right one counts once',
      async (t, serialization) => {
        const pool = t.pool('hostile', { size: 1, fork: { serialization } });
        assert.strictEqual(await pool.call('f', 1), 'the answer');
        assert.strictEqual(await pool.call('f', 2), 'the answer');
        assert.strictEqual(pool.stats().completed, 2);
      },
    ),

    ...inEachMode('a worker that passes everything on does not keep a call for ever', async (t, serialization) => {
      const pool = t.pool('passes-on', { size: 2, fork: { serialization } });
      assert.strictEqual((await failure(pool.call('f'))).code, 'ERR_CALL_NOT_BEGUN');
    }),

    [
      'a worker that is killed before it reads has not begun what the channel has not taken',
      {
        unless: () => !isNode && 'nothing can be concluded here',
        run: async (t) => {
          const { env, begun } = journal(t);
          const pool = t.pool('dies', { size: 1, concurrency: 600, fork: { env, serialization: 'json' } });
          await pool.ready();
          const [{ process: child }] = pool.workers;
          child.kill('SIGSTOP');
          const large = 'x'.repeat(100_000);
          const calls = upTo(100).map((i) => pool.call('work', { i, large }).catch((error) => error));
          // What the kernel takes is taken, and the rest is not.
          await new Promise((resolve) => setTimeout(resolve, 100));
          child.kill('SIGKILL');
          const outcomes = await Promise.all(calls);
          const lost = outcomes.filter((each) => each instanceof Error);
          for (const { begun: may } of lost) assert.strictEqual(may, true);
          assert.ok(lost.length < 50, `${lost.length} of 100 are lost`);
          assert.strictEqual(new Set(begun()).size, begun().length, 'none is run twice');
        },
      },
    ],

    [
      `${CALLS} calls with random deaths, cancels and reloads leave nothing behind`,
      alone(async (t) => {
        const { env, begun } = journal(t);
        const pool = t.pool('dies', { size: 2, concurrency: 8, grace: 500, fork: { env } });
        pool.on('stderr', () => {});
        await pool.ready();
        const before = isNode ? openFds() : 0;
        const outcomes = new Map();
        const count = (name) => outcomes.set(name, (outcomes.get(name) ?? 0) + 1);
        let left = CALLS;
        const caller = async (seed) => {
          for (let i = seed; left-- > 0; i = (i * 7919 + 13) % 10_007) {
            const method = i % 97 === 0 ? 'die' : i % 5 === 0 ? 'slow' : 'work';
            const options = i % 11 === 0 ? { timeout: 1 + (i % 20) } : { retries: i % 3 === 0 ? 1 : 0 };
            const params = { i: `${seed}-${left}`, point: 'running' };
            await pool.call(method, params, options).then(
              () => count('answered'),
              (error) => count(error.code),
            );
          }
        };
        const reloads = (async () => {
          while (left > 0) {
            await pool.reload().catch((error) => count(`reload: ${error.code}`));
            await new Promise((resolve) => setTimeout(resolve, 50));
          }
        })();
        await Promise.all(upTo(16).map((i) => caller(i + 1)));
        await reloads;
        await until(() => pool.stats().running === 0, 'nothing is left running');
        const total = ['answered', 'ERR_WORKER_DIED', 'ERR_CALL_TIMEOUT'].reduce(
          (sum, name) => sum + (outcomes.get(name) ?? 0),
          0,
        );
        assert.strictEqual(total, CALLS, JSON.stringify([...outcomes]));
        assert.ok(begun().length > CALLS / 2);
        await until(() => pool.workers.every(({ state }) => state === 'ready'), 'old workers have ended');
        if (isNode)
          await until(
            () => openFds() <= before,
            () => `as few descriptors as before: ${before}, not ${openFds()}`,
          );
        assert.deepStrictEqual(await pool.close(), { killed: 0 });
      }),
    ],
  ]),
  { atOnce: 4 },
);

async function collect(iterable) {
  const all = [];
  for await (const item of iterable) all.push(item);
  return all;
}
