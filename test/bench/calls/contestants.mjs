// Each pool behind the same face: `start(size, inFlight)` gives `{ echo(value), pids, close() }`.
import { fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { install } from '../../interop/install.mjs';

const here = createRequire(import.meta.url);
const npm = createRequire(`${install(join(import.meta.dirname, 'npm'))}/`);
const worker = (name) => join(import.meta.dirname, 'workers', `${name}.cjs`);

const ours = (serialization) => async (size, inFlight) => {
  const { Pool } = here('../../../js/index.cjs');
  const concurrency = Math.ceil(inFlight / size);
  const pool = new Pool(worker('ours'), { size, concurrency, fork: { serialization } });
  await pool.ready();
  return {
    // As it is used: with a timeout.
    echo: (value) => pool.call('echo', value, { timeout: 60_000 }),
    items: (count) => pool.stream('items', count),
    pids: pool.workers.map(({ pid }) => pid),
    close: () => pool.close(),
  };
};

const bare = async (size) => {
  const children = Array.from({ length: size }, () => fork(worker('bare')));
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
  const close = () => {
    for (const child of children) child.disconnect();
  };
  return { echo, pids: children.map(({ pid }) => pid), close };
};

const threads = (name, options) => async (size, inFlight) => {
  const { default: Default, ...rest } = await import(npm.resolve(name));
  const Class = rest.Piscina ?? Default;
  const concurrentTasksPerWorker = Math.ceil(inFlight / size);
  const filename = worker('export');
  const pool = new Class({ filename, minThreads: size, maxThreads: size, concurrentTasksPerWorker, ...options });
  await Promise.all(Array.from({ length: size * 4 }, () => pool.run(0)));
  return { echo: (value) => pool.run(value), pids: [], close: () => pool.destroy() };
};

const jestWorker = async (size) => {
  const { Worker } = npm('jest-worker');
  const pool = new Worker(worker('export'), { numWorkers: size, exposedMethods: ['echo'] });
  await Promise.all(Array.from({ length: size * 4 }, () => pool.echo(0)));
  return { echo: (value) => pool.echo(value), pids: [], close: () => pool.end() };
};

const workerpool = async (size) => {
  const pool = npm('workerpool').pool(worker('workerpool'), {
    workerType: 'process',
    minWorkers: size,
    maxWorkers: size,
  });
  await Promise.all(Array.from({ length: size * 4 }, () => pool.exec('echo', [0])));
  return { echo: (value) => pool.exec('echo', [value]), pids: [], close: () => pool.terminate() };
};

export const contestants = {
  'ours, json': ours('json'),
  'ours, advanced': ours('advanced'),
  'bare loop, json': bare,
  'piscina (threads)': threads('piscina', {}),
  'tinypool (processes)': threads('tinypool', { runtime: 'child_process' }),
  'jest-worker (processes)': jestWorker,
  'workerpool (processes)': workerpool,
};
