// Workers on Deno and Bun, as far as these can be workers of a cluster.
import assert from 'node:assert';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';
import { runtimes } from '../runtimes/index.mjs';
import { Primary } from './cluster-primary/primary.mjs';
import * as groups from './cluster-primary/scenarios.mjs';

const { setPatience } = createRequire(import.meta.url)('./kit/wait.cjs');

const DEADLINE = { timeout: 240_000 };

/** What Deno cannot do, and why. Each is expected to fail, so that a row goes when its reason has gone. */
const GAPS = [
  ['CLU-6: IPv6', 'it does not say that a server is for IPv6 only'],
  ['CLU-15 CLU-16: a path', 'it does not say who may read and write'],
  ['CLU-11: datagrams', 'each worker binds its own socket'],
  ['CLU-11: TLS', 'its workers do not share the keys of their tickets'],
  ['CLU-4: a worker', 'without arguments of its own before the module it does not run one'],
];

/** What it can do only sometimes: it loses a handle that comes in one read with a message before it. */
const SOMETIMES = ['CLU-16: kept servers', 'HND-1 HND-7'];

const deno = runtimes.find(({ kind }) => kind === 'deno');
const bun = runtimes.find(({ kind }) => kind === 'bun');

describe('cluster primary: Deno, round robin, json', { skip: !deno }, () => {
  const all = Object.values(groups)
    .flatMap((scenarios) => Object.entries(scenarios))
    .filter(([name]) => !SOMETIMES.some((beginning) => name.startsWith(beginning)));
  const gapOf = (name) => GAPS.find(([beginning]) => name.startsWith(beginning));
  const run = (t, scenario) => {
    const settings = { balance: 'rr', execArgv: ['run', '--quiet', '--allow-all'] };
    const start = (more, options) => new Primary(t, deno, { ...settings, ...more }, options);
    return scenario(t, { start, balance: 'rr' });
  };

  for (const [name, scenario] of all.filter(([name]) => !gapOf(name))) {
    test(name, DEADLINE, (t) => run(t, scenario));
  }

  // Behind all others, for they are given less time.
  for (const [name, scenario] of all.filter(([name]) => gapOf(name))) {
    test(`cannot: ${name} (${gapOf(name)[1]})`, DEADLINE, async (t) => {
      setPatience(3000);
      await assert.rejects(run(t, scenario), undefined, 'this works now: remove its row');
    });
  }
});

test('cluster primary: Bun speaks a dialect of its own, which is reported and harms nobody', {
  skip: !bun,
}, async (t) => {
  const primary = new Primary(t, bun);
  await primary.does('fork');
  await primary.event({ event: 'error', worker: 1, code: 'ERR_IPC_DECODE' });
  await primary.does('kill', { worker: 1, signal: 'SIGTERM' });
  await primary.event({ event: 'exit', worker: 1, signal: 'SIGTERM' });
});
