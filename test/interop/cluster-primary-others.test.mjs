// Workers in Deno and Bun, as far as they support cluster.
import assert from 'node:assert';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';
import { runtimes } from '../runtimes/index.mjs';
import { Primary } from './cluster-primary/primary.mjs';
import * as groups from './cluster-primary/scenarios/index.mjs';

const { setPatience } = createRequire(import.meta.url)('./kit/wait.cjs');

const DEADLINE = { timeout: 240_000 };

/** What Deno cannot do, and why. Each entry is expected to fail, so that it is removed when its reason is gone. */
const GAPS = [
  ['CLU-6: IPv6', 'it does not send that a server is IPv6-only'],
  ['CLU-15 CLU-16: a Unix path', 'it does not send the permissions of the path'],
  ['CLU-11: datagrams', 'each worker binds its own socket'],
  ['CLU-11: TLS', 'its workers do not share their ticket keys'],
  ['CLU-4: a worker', 'it does not run a module without its own arguments before it'],
];

/** What works only sometimes: Deno loses a handle that arrives in one read with an earlier message. */
const SOMETIMES = ['CLU-16: kept servers', 'HND-1 HND-7'];

const deno = runtimes.find(({ kind }) => kind === 'deno');
const bun = runtimes.find(({ kind }) => kind === 'bun');

describe('cluster primary: Deno, round robin, json', { skip: !deno }, () => {
  const all = Object.values(groups)
    .flatMap((scenarios) => Object.entries(scenarios))
    .filter(([name]) => !SOMETIMES.some((beginning) => name.startsWith(beginning)));
  const names = Object.values(groups).flatMap(Object.keys);
  for (const beginning of [...GAPS.map(([beginning]) => beginning), ...SOMETIMES]) {
    assert.ok(
      names.some((name) => name.startsWith(beginning)),
      `no scenario begins with ${beginning}`,
    );
  }
  const gapOf = (name) => GAPS.find(([beginning]) => name.startsWith(beginning));
  const run = (t, scenario) => {
    const settings = { balance: 'rr', execArgv: ['run', '--quiet', '--allow-all'] };
    const start = (more, options) => new Primary(t, deno, { ...settings, ...more }, options);
    return scenario(t, { start, balance: 'rr' });
  };

  for (const [name, scenario] of all.filter(([name]) => !gapOf(name))) {
    test(name, DEADLINE, (t) => run(t, scenario));
  }

  // After all others, because they lower the time limit.
  for (const [name, scenario] of all.filter(([name]) => gapOf(name))) {
    test(`cannot: ${name} (${gapOf(name)[1]})`, DEADLINE, async (t) => {
      setPatience(3000);
      await assert.rejects(run(t, scenario), undefined, 'this works now: remove its row');
    });
  }
});

test("cluster primary: Bun's own message format is reported as an error, and harms no other worker", {
  skip: !bun,
}, async (t) => {
  const primary = new Primary(t, bun);
  await primary.does('fork');
  await primary.event({ event: 'error', worker: 1, code: 'ERR_IPC_DECODE' });
  await primary.does('kill', { worker: 1, signal: 'SIGTERM' });
  await primary.event({ event: 'exit', worker: 1, signal: 'SIGTERM' });
});
