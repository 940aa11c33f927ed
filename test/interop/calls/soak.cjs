// Many calls of a pool over a service in Rust, with cancels, deaths and reloads at random: `soak.cjs PROGRAM DRIVER
// SERIALIZATION CALLS`. Each outcome is accounted for, nothing is run twice, and nothing is left behind. Workers in Rust
// start in milliseconds, so that there can be many deaths.
'use strict';
const assert = require('node:assert');
const { readdirSync } = require('node:fs');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');
const { Pool } = require('../../../js/index.cjs');
const { until } = require('../kit/wait.cjs');

const [, , program, driver, serialization, calls] = process.argv;
const CALLS = Number(calls);
const CALLERS = 32;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

/** How often the workers have asked with each question: once for each call. */
const asked = new Map();
const methods = {
  answer(question) {
    asked.set(question, (asked.get(question) ?? 0) + 1);
    return 'yes';
  },
};

const outcomes = {};
const count = (outcome) => {
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
};

/** Numbers that look random and are the same each time. */
let state = 1;
const below = (n) => {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
  return (state >> 8) % n;
};

const KINDS = {
  async plain(pool, i) {
    assert.strictEqual(await pool.call('closure', i), i + 1);
  },
  async rests(pool) {
    assert.strictEqual(await pool.call('rest', 1), 1);
  },
  async asks(pool, i) {
    assert.strictEqual(await pool.call('ask', `${i}`), `${i} yes`);
  },
  async repeats(pool, i) {
    assert.strictEqual(await pool.call('closure', i, { retries: 2 }), i + 1);
  },
  async streams(pool) {
    let next = 0;
    for await (const item of pool.stream('count', 100)) assert.strictEqual(item, next++);
    assert.strictEqual(next, 100);
  },
  /** Leaves the loop, and so cancels. */
  async leaves(pool) {
    for await (const item of pool.stream('count', 1000)) if (item === 3) break;
  },
  async timesOut(pool) {
    await pool.call('forever', null, { timeout: 1 + below(10) });
  },
  async aborts(pool) {
    const stop = new AbortController();
    setImmediate(() => stop.abort());
    await pool.call('forever', null, { signal: stop.signal });
  },
};

/** How often each is among a hundred. */
const MIX = { plain: 66, rests: 10, asks: 10, repeats: 5, streams: 4, leaves: 2, timesOut: 2, aborts: 1 };
const DECK = Object.entries(MIX).flatMap(([kind, times]) => Array(times).fill(kind));

async function run(pool, total) {
  let left = total;
  const caller = async () => {
    while (left > 0) {
      const i = left--;
      await KINDS[DECK[below(DECK.length)]](pool, i).then(
        () => count('answered'),
        (error) => count(error.code ?? error.stack),
      );
    }
  };
  const accidents = (async () => {
    for (let i = 0; left > 0; i++) {
      const done = left;
      // So many calls later.
      await until(() => left <= done - 400 || left <= 0, 'calls go on');
      if (i % 4 === 3) await pool.reload();
      else pool.workers[below(pool.workers.length)]?.process.kill('SIGKILL');
    }
  })();
  await Promise.all([...Array.from({ length: CALLERS }, caller), accidents]);
}

(async () => {
  const pool = new Pool(program, {
    size: 2,
    concurrency: 8,
    grace: 10_000,
    args: [driver],
    fork: { serialization },
    methods,
  });
  pool.on('stderr', () => {});
  await pool.ready();
  const isQuiet = () => pool.stats().running === 0 && pool.workers.every((worker) => worker.state === 'ready');
  const descriptors = () => readdirSync('/proc/self/fd').length;
  const heap = () => {
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };

  // What is made once is made now.
  await run(pool, CALLS / 10);
  await until(isQuiet, 'nothing runs after the first part');
  asked.clear();
  const before = { descriptors: descriptors(), heap: heap() };
  for (const name of Object.keys(outcomes)) delete outcomes[name];

  await run(pool, CALLS);
  await until(isQuiet, 'nothing runs in the end');
  const known = ['answered', 'ERR_WORKER_DIED', 'ERR_CALL_TIMEOUT', 'ERR_CALL_ABORTED'];
  const told = JSON.stringify(outcomes);
  assert.strictEqual(
    Object.values(outcomes).reduce((sum, n) => sum + n),
    CALLS,
    told,
  );
  assert.deepStrictEqual(
    Object.keys(outcomes).filter((name) => !known.includes(name)),
    [],
    told,
  );
  assert.ok(
    known.every((name) => outcomes[name] > 0),
    told,
  );
  for (const [question, times] of asked) assert.strictEqual(times, 1, `${question} was run ${times} times`);
  const { waiting, running, restarts } = pool.stats();
  assert.deepStrictEqual([waiting, running], [0, 0]);
  asked.clear();
  // The runtime opens some by itself, and a worker may have been starting before. A leak is one for each restart.
  const most = before.descriptors + Math.min(2, restarts - 1);
  await until(
    () => descriptors() <= most,
    () => `${descriptors()} descriptors are at most ${most} again`,
  );
  const grown = heap() - before.heap;
  assert.ok(grown < 4e6, `the heap has grown by ${grown} bytes`);
  assert.deepStrictEqual(await pool.close(), { killed: 0 });
  console.log(JSON.stringify({ ...outcomes, restarts, grown }));
})();
