// Each pool behind the same face: `start(size, inFlight)` gives `{ run(what, count, inFlight), startedIn, close() }`. `run`
// makes so many calls of `number`, `object`, `bytes` or `items`, and gives the time in milliseconds; undefined where a
// contestant cannot.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { install } from '../../interop/install.mjs';

const here = createRequire(import.meta.url);
const { cargo } = here('../../../js/build.cjs');
const npm = createRequire(`${install(join(import.meta.dirname, 'npm'))}/`);
const script = (name) => join(import.meta.dirname, 'workers', `${name}.cjs`);

const EXAMPLES = ['bench-calls-worker', 'bench-calls-pool'];

let programs;
/** The programs in Rust, which are built once. */
function program(name) {
  if (programs === undefined) {
    const examples = EXAMPLES.flatMap((example) => ['--example', example]);
    const how = process.env.CROSSFORK_BENCH_DEBUG ? ['--all-features'] : ['--release', '--features', 'calls,tokio'];
    const made = cargo('the programs that are measured', [...how, ...examples]);
    const built = made.filter(({ executable }) => executable);
    programs = Object.fromEntries(built.map(({ target, executable }) => [target.name, executable]));
  }
  return programs[name];
}

const VALUES = {
  number: 0,
  object: {
    id: 12345,
    name: 'x'.repeat(400),
    tags: Array.from({ length: 20 }, (_, i) => `tag ${i}`),
    text: 'y'.repeat(300),
  },
  bytes: Buffer.alloc(2 ** 20, 1),
};

/** What a handler in Rust is called, which has one type. */
const METHODS = { number: 'echo', object: 'record', bytes: 'bytes' };

/** Makes the calls, so many at a time, each of which `call(value, what)` is. */
async function timed(call, what, count, inFlight) {
  let left = count;
  const value = VALUES[what];
  const caller = async () => {
    while (left-- > 0) await call(value, what);
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: inFlight }, caller));
  return performance.now() - start;
}

const run = (call) => (what, count, inFlight) => (what === 'items' ? undefined : timed(call, what, count, inFlight));

/** Our pool in Node. The workers tell a method for each type, or one for all. */
function ours(file, { serialization, args = [], methods, lacks = [] }) {
  return async (size, inFlight) => {
    const { Pool } = here('../../../js/index.cjs');
    const concurrency = Math.ceil(inFlight / size);
    const pool = new Pool(file(), { size, concurrency, args, fork: { serialization } });
    await pool.ready();
    const items = async (count) => {
      const start = performance.now();
      let came = 0;
      for await (const _ of pool.stream('items', count)) came += 1;
      if (came !== count) throw new Error(`${came} items`);
      return performance.now() - start;
    };
    // As it is used: with a timeout.
    const call = (value, what) => pool.call(methods?.[what] ?? 'echo', value, { timeout: 60_000 });
    return {
      run(what, count, inFlight) {
        if (lacks.includes(what)) return undefined;
        return what === 'items' ? items(count) : timed(call, what, count, inFlight);
      },
      close: () => pool.close(),
    };
  };
}

const ofRust = (driver, serialization, more) =>
  ours(() => program('bench-calls-worker'), { serialization, args: [driver], methods: METHODS, ...more });
const ofNode = (serialization) => ours(() => script('ours'), { serialization });

/** Our pool in Rust: a program that makes the calls itself. */
const inRust =
  (serialization, worker, lacks = []) =>
  async (size, inFlight) => {
    const args = [size, Math.ceil(inFlight / size), serialization, ...worker()].map(String);
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc'];
    const child = spawn(program('bench-calls-pool'), args, { stdio });
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`the pool in Rust has ended: ${code}`);
    });
    // Nobody asks for it in the end.
    ended.catch(() => {});
    const answer = async () => {
      const [nanos] = await Promise.race([once(child, 'message'), ended]);
      return nanos / 1e6;
    };
    const startedIn = await answer();
    const names = { number: 'number', object: 'record', bytes: 'bytes', items: 'items' };
    return {
      startedIn,
      run(what, count, inFlight) {
        if (lacks.includes(what)) return undefined;
        child.send([names[what], count, inFlight]);
        return answer();
      },
      async close() {
        const exit = once(child, 'exit');
        child.disconnect();
        await exit;
      },
    };
  };

const bare = async (size) => {
  const children = Array.from({ length: size }, () => fork(script('bare')));
  const waiting = new Map();
  let id = 0;
  for (const child of children) {
    child.on('message', ([answered, value]) => {
      waiting.get(answered)(value);
      waiting.delete(answered);
    });
  }
  const echo = (value) =>
    new Promise((resolve) => {
      waiting.set(++id, resolve);
      children[id % size].send([id, value]);
    });
  await Promise.all(children.map(() => echo(0)));
  const close = async () => {
    for (const child of children) child.disconnect();
    await Promise.all(children.map((child) => once(child, 'exit')));
  };
  return { run: run(echo), close };
};

/** Has each worker answered, so that it has been started. */
const warm = (size, call) => Promise.all(Array.from({ length: size * 4 }, () => call(0)));

const threads = (name, options) => async (size, inFlight) => {
  const { default: Default, ...rest } = await import(npm.resolve(name));
  const Class = rest.Piscina ?? Default;
  const concurrentTasksPerWorker = Math.ceil(inFlight / size);
  const filename = script('export');
  const pool = new Class({ filename, minThreads: size, maxThreads: size, concurrentTasksPerWorker, ...options });
  const call = (value) => pool.run(value);
  await warm(size, call);
  return { run: run(call), close: () => pool.destroy() };
};

const jestWorker = async (size) => {
  const { Worker } = npm('jest-worker');
  const pool = new Worker(script('export'), { numWorkers: size, exposedMethods: ['echo'] });
  const call = (value) => pool.echo(value);
  await warm(size, call);
  return { run: run(call), close: () => pool.end() };
};

const workerpool = async (size) => {
  const options = { workerType: 'process', minWorkers: size, maxWorkers: size };
  const pool = npm('workerpool').pool(script('workerpool'), options);
  const call = (value) => pool.exec('echo', [value]);
  await warm(size, call);
  return { run: run(call), close: () => pool.terminate() };
};

/** JSON has no bytes for a type in Rust that is bytes. */
const inJson = { lacks: ['bytes'] };

export const contestants = {
  'Node pool, Rust (blocking)': ofRust('blocking', 'json', inJson),
  'Node pool, Rust (tokio)': ofRust('tokio', 'json', inJson),
  'Node pool, Rust (blocking), advanced': ofRust('blocking', 'advanced'),
  'Node pool, Node': ofNode('json'),
  'Node pool, Node, advanced': ofNode('advanced'),
  'Node pool, one message a call': ofRust('alone', 'json', { lacks: ['object', 'bytes', 'items'] }),
  'Rust pool, Node': inRust('json', () => ['node', process.execPath, script('ours')], ['bytes']),
  'Rust pool, Node, advanced': inRust('advanced', () => ['node', process.execPath, script('ours')]),
  'Rust pool, Rust': inRust('json', () => [program('bench-calls-worker'), 'blocking'], ['bytes']),
  'Rust pool, Rust, advanced': inRust('advanced', () => [program('bench-calls-worker'), 'blocking']),
  'bare loop': bare,
  'piscina (threads)': threads('piscina', {}),
  'tinypool (processes)': threads('tinypool', { runtime: 'child_process' }),
  'jest-worker (processes)': jestWorker,
  'workerpool (processes)': workerpool,
};

/** The pools of processes that ours are compared with. */
export const OTHERS = ['tinypool (processes)', 'jest-worker (processes)', 'workerpool (processes)'];
