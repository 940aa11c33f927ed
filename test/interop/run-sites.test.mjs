// Large frameworks, unmodified, under `crossfork run`: only in the full tier, because their packages are large, and some are built.
import { join } from 'node:path';
import { describe } from 'node:test';
import { TIER } from '../cells.mjs';
import { freePort } from '../http.mjs';
import { runtimes } from '../runtimes/index.mjs';
import { EveryNode } from './every-node.mjs';
import { build, prepare, site } from './sites/index.mjs';
import { supervise } from './supervised.mjs';
import { survives } from './unmodified.mjs';

const DEADLINE = { timeout: 600_000 };

const skip = ({ major }) => major < 20 && 'it needs Node 20';
/** Builds need a newer Node than servers. */
const builder = runtimes.find(({ kind, major }) => kind === 'node' && major >= 22);
const withoutBuilder = (runtime) => skip(runtime) || (!builder && 'it is built with Node 22 or later');

/** Before that, such a program may already count as up. */
const LISTENS = /^\[crossfork\] worker \d+ \(pid \d+\) listens$/;

/** Next exits with 128 and the number of the signal. */
const asNext = { requests: { path: '/slow' }, ends: /exit code 143/ };

const suite = new EveryNode();

suite.test('Apollo Server: a reload and a stop lose nothing', { ...DEADLINE, skip }, async (t, runtime) => {
  const run = supervise(t, runtime, { app: site('apollo.mjs') });
  const requests = { path: '/?query=%7Bpid%7D', headers: { 'apollo-require-preflight': 'true' } };
  // As NestJS, it sends itself the signal again in the end.
  await survives(t, run, await run.port(), { requests, hooks: [/draining$/, /stopping$/], ends: /SIGTERM/ });
});

suite.test(
  'NestJS with shutdown hooks: a reload and a stop lose nothing',
  { ...DEADLINE, skip },
  async (t, runtime) => {
    const run = supervise(t, runtime, { app: site('nest.mjs') });
    const hooks = [/before shutdown: SIGTERM$/, /shutdown: SIGTERM$/];
    // It sends itself the signal again in the end.
    await survives(t, run, await run.port(), { hooks, ends: /SIGTERM/ });
  },
);

suite.test(
  'next start: a reload and a stop lose nothing',
  { ...DEADLINE, skip: withoutBuilder },
  async (t, runtime) => {
    const next = 'next/dist/bin/next';
    const folder = await built('next', next);
    const port = await freePort();
    const appArgs = ['start', '-H', '127.0.0.1', '-p', `${port}`];
    const run = supervise(t, runtime, { app: site('node_modules', next), args: ['--cwd', folder], appArgs });
    await run.said(LISTENS, 2);
    await survives(t, run, port, asNext);
  },
);

suite.test(
  'Next with standalone output: a reload and a stop lose nothing',
  { ...DEADLINE, skip: withoutBuilder },
  async (t, runtime) => {
    const folder = await built('next', 'next/dist/bin/next', { OUTPUT: 'standalone' });
    const server = join(folder, '.next/standalone', folder.slice(site().length), 'server.js');
    const { run, port } = await listening(t, runtime, server);
    await survives(t, run, port, asNext);
  },
);

// The second one would start workers itself. Under `crossfork run` it is a worker already.
for (const preset of ['node-server', 'node-cluster']) {
  suite.test(
    `Nuxt, built for ${preset}: a reload and a stop lose nothing`,
    { ...DEADLINE, skip: withoutBuilder },
    async (t, runtime) => {
      const folder = await built('nuxt', 'nuxt/bin/nuxt.mjs', { NITRO_PRESET: preset });
      const { run, port } = await listening(t, runtime, join(folder, '.output/server/index.mjs'));
      await survives(t, run, port, { requests: { path: '/slow' } });
    },
  );
}

// Before there is a load that it would hold up.
if (TIER === 'full') prepare();

describe('large frameworks', { skip: TIER !== 'full' && 'they are in the full tier' }, () => suite.register());

const folders = new Map();

/** Builds once for all Nodes. */
function built(name, command, env = {}) {
  const key = JSON.stringify([name, env]);
  if (!folders.has(key)) folders.set(key, build(builder, name, command, env));
  return folders.get(key);
}

/** Starts a server that takes its address from its environment. */
async function listening(t, runtime, server) {
  const port = await freePort();
  const run = supervise(t, runtime, {
    app: server,
    env: { PORT: `${port}`, HOST: '127.0.0.1', HOSTNAME: '127.0.0.1' },
  });
  await run.said(LISTENS, 2);
  return { run, port };
}
