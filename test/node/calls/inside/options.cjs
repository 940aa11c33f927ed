'use strict';

// What can be said about a pool, and what reaches its workers.

const assert = require('node:assert');
const childProcess = require('node:child_process');
const { realpathSync } = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const { pathToFileURL } = require('node:url');
const { alone, crossfork, isNode, run, until, workerPath } = require('./kit.cjs');

const { Pool } = crossfork;

const THIS = '../inside/options';
const inNode = (run) => ({ unless: () => !isNode && 'that is how Node does it', run });
const upTo = (count) => Array.from({ length: count }, (_, i) => i);

function worker() {
  crossfork.serve({
    echo: (value) => value,
    start: () => ({
      args: process.argv.slice(2),
      execArgv: process.execArgv,
      cwd: process.cwd(),
      value: process.env.CROSSFORK_TEST_VALUE,
    }),
    priority: () => os.getPriority(),
    exhaust() {
      const all = [];
      while (true) all.push(new Array(1000).fill(all.length));
    },
    throwsLater() {
      setImmediate(() => {
        throw new RangeError('nobody catches this');
      });
      return new Promise(() => {});
    },
  });
}

/** A port that nobody has. */
async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The program of this file that has a pool itself, and prints what its worker says of its start. */
async function primary() {
  const pool = new Pool(__filename, { size: 2 });
  await pool.ready();
  console.log(JSON.stringify(await pool.callAll('start')));
  await pool.close();
  process.exit();
}

const scenarios = {
  'every number has its limits, and nothing else is a number': () => {
    const file = workerPath('methods');
    const atLeast = {
      size: 1,
      min: 0,
      max: 1,
      maxQueue: 0,
      grace: 0,
      startTimeout: 1,
      closeTimeout: 0,
      idleTimeout: 0,
    };
    const all = { ...atLeast, concurrency: 1, timeout: 1, maxCalls: 1, maxAge: 1, nice: -20, maxCollected: 1 };
    for (const [name, least] of Object.entries(all)) {
      for (const [value, code] of [
        [least - 1, 'ERR_OUT_OF_RANGE'],
        [least + 0.5, 'ERR_OUT_OF_RANGE'],
        [Number.NaN, 'ERR_OUT_OF_RANGE'],
        [`${least}`, 'ERR_INVALID_ARG_TYPE'],
        [null, 'ERR_INVALID_ARG_TYPE'],
        [[least], 'ERR_INVALID_ARG_TYPE'],
      ]) {
        assert.throws(() => new Pool(file, { lazy: true, [name]: value }), { code }, `${name}: ${value}`);
      }
      new Pool(file, { lazy: true, [name]: least });
    }
    for (const [name, value] of [
      ['maxMemory', 0],
      ['maxMemory', Number.NaN],
    ]) {
      assert.throws(() => new Pool(file, { [name]: value }), { code: 'ERR_OUT_OF_RANGE' });
    }
    const types = {
      lazy: 1,
      ordered: 'yes',
      stacks: 0,
      setUp: {},
      methods: [],
      args: 'a',
      fork: 1,
      exec: 1,
      maxMemory: '1',
    };
    for (const [name, value] of Object.entries(types)) {
      assert.throws(() => new Pool(file, { [name]: value }), { name: 'TypeError' }, name);
    }
    for (const options of [null, 1, 'size', []]) {
      assert.throws(() => new Pool(file, options), { code: 'ERR_INVALID_ARG_TYPE' });
    }
  },

  'more at least is more at most, and less at most is less at least': async (t) => {
    const large = t.pool('methods', { size: undefined, min: 3 });
    const small = t.pool('methods', { size: undefined, max: 1 });
    await Promise.all([large.ready(), small.ready()]);
    assert.deepStrictEqual([large.workers.length, small.workers.length], [3, 1]);
    const calls = upTo(8).map(() => small.call('later', 1));
    assert.strictEqual(small.workers.length, 1);
    await Promise.all(calls);
  },

  'a file is a path, a URL, or the text of a URL': async (t) => {
    const url = pathToFileURL(workerPath('methods'));
    for (const file of [url.pathname, url, url.href]) {
      const pool = new Pool(file, { size: 1 });
      t.after(() => pool.destroy());
      assert.strictEqual(await pool.call('echo', 1), 1);
    }
    assert.throws(() => new Pool('https://example.org/worker.js'), { code: 'ENOENT' });
    assert.throws(() => new Pool(new URL('https://example.org/worker.js')), { code: 'ERR_INVALID_URL_SCHEME' });
  },

  "arguments and fork's options reach the workers": async (t) => {
    const cwd = realpathSync(os.tmpdir());
    const env = { ...process.env, CROSSFORK_TEST_VALUE: 'for all of them' };
    const execArgv = isNode ? ['--no-warnings'] : undefined;
    const args = ['a', '', '--b=c d'];
    const pool = t.pool(THIS, { size: 1, args, fork: { cwd, env, execArgv } });
    const start = await pool.call('start');
    assert.deepStrictEqual([start.args, start.cwd, start.value], [args, cwd, env.CROSSFORK_TEST_VALUE]);
    if (isNode) assert.deepStrictEqual(start.execArgv, execArgv);
  },

  'workers may have no streams at all': async (t) => {
    for (const stdio of ['ignore', ['ignore', 'ignore', 'ignore', 'ipc']]) {
      const pool = t.pool('methods', { size: 1, fork: { stdio } });
      assert.strictEqual(await pool.call('echo', 1), 1);
      const error = await pool.call('exit', 7).catch((reason) => reason);
      assert.deepStrictEqual([error.code, error.exitCode, error.stderr], ['ERR_WORKER_DIED', 7, '']);
    }
  },

  'workers are as nice as they are told to be': async (t) => {
    const nice = os.getPriority() + 3;
    const pool = t.pool(THIS, { size: 1, nice });
    assert.strictEqual(await pool.call('priority'), nice);
  },

  'an exception that nobody catches ends its worker, and the call says which it was': async (t) => {
    const pool = t.pool(THIS, { size: 1 });
    pool.on('stderr', () => {});
    const error = await pool.call('throwsLater').catch((reason) => reason);
    assert.strictEqual(error.code, 'ERR_WORKER_DIED');
    assert.match(error.message, /nobody catches this/);
    assert.strictEqual(await pool.call('echo', 'goes on'), 'goes on');
  },

  'a worker that has no more memory ends, and the pool goes on': {
    unless: () => (!isNode && 'it has no such limit') || (process.env.CROSSFORK_TIER !== 'full' && 'it takes seconds'),
    run: async (t) => {
      const pool = t.pool(THIS, { size: 1, fork: { execArgv: ['--max-old-space-size=16'] } });
      pool.on('stderr', () => {});
      const error = await pool.call('exhaust').catch((reason) => reason);
      assert.deepStrictEqual([error.code, error.begun], ['ERR_WORKER_DIED', true]);
      assert.match(error.stderr, /heap/);
      assert.strictEqual(await pool.call('echo', 1), 1);
    },
  },

  'a pool starts in a program that is debugged, although its workers cannot have the same port': inNode(async (t) => {
    const env = { ...process.env, CROSSFORK_TEST_PRIMARY: '1' };
    const execArgv = [`--inspect=127.0.0.1:${await freePort()}`];
    const child = childProcess.spawn(process.execPath, [...execArgv, __filename], {
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    t.after(() => child.kill('SIGKILL'));
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    await new Promise((resolve) => child.once('close', resolve));
    assert.deepStrictEqual(
      JSON.parse(output).map(({ value }) => value.execArgv),
      [execArgv, execArgv],
    );
  }),

  'what a prototype was polluted with is no option': alone(async (t) => {
    const polluted = {
      exec: 'program',
      args: ['polluted'],
      env: { ...process.env, CROSSFORK_TEST_VALUE: 'polluted' },
      cwd: '/',
      fork: { cwd: '/' },
      lazy: true,
      size: 7,
      setUp: () => assert.fail("it is nobody's set-up"),
    };
    Object.assign(Object.prototype, polluted);
    let pool;
    try {
      pool = new Pool(workerPath(THIS), { concurrency: 1, max: 1, fork: {} });
    } finally {
      for (const name of Object.keys(polluted)) delete Object.prototype[name];
    }
    t.after(() => pool.destroy());
    assert.strictEqual(pool.workers.length, 1);
    const { args, cwd, value } = await pool.call('start');
    assert.deepStrictEqual([args, cwd, value], [[], process.cwd(), undefined]);
  }),

  'a key may be any text or number, and nothing else': async (t) => {
    const pool = t.pool('methods', { size: 3 });
    await pool.ready();
    const owner = (key) => pool.call('id', undefined, { key });
    assert.strictEqual(await owner(1), await owner('1'));
    assert.strictEqual(await owner(''), await owner(''));
    for (const key of [null, {}, true]) {
      assert.throws(() => pool.call('id', undefined, { key }), { code: 'ERR_INVALID_ARG_TYPE' });
    }
  },

  'a listener that throws is uncaught, and the pool does what it has to do': alone(async (t) => {
    const thrown = [];
    const note = (error) => thrown.push(error.message);
    process.on('uncaughtException', note);
    t.after(() => process.off('uncaughtException', note));
    const pool = t.pool('methods', { size: 1 });
    for (const name of ['workerReady', 'workerExit', 'close']) {
      pool.on(name, () => {
        throw new Error(name);
      });
    }
    assert.strictEqual(await pool.call('echo', 1), 1);
    await pool.call('die').catch(() => {});
    assert.strictEqual(await pool.call('echo', 2), 2);
    await pool.close();
    await until(
      () => thrown.length === 5,
      () => `all are told of, not only ${thrown}`,
    );
    assert.deepStrictEqual(thrown.sort(), ['close', 'workerExit', 'workerExit', 'workerReady', 'workerReady']);
  }),
};

if (process.send !== undefined) worker();
else if (process.env.CROSSFORK_TEST_PRIMARY !== undefined) primary();
else run(scenarios);
