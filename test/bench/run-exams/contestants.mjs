// The runners, and how an operator starts and reloads each. All get the same time for everything.
import { execFile } from 'node:child_process';
import { copyFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { install } from '../../interop/install.mjs';

const here = import.meta.dirname;
const PROGRAM = join(here, 'programs/app.cjs');

/** How long a worker may need to end, in seconds. */
const KILL = 10;

const run = promisify(execFile);

/**
 * @typedef {{ crossfork: string, node: { bin: string, major: number }, workers: number, port: number, folder: string,
 *   listenSeconds: number, readyUrl?: string }} Setup `folder` is a new one, for what the runner writes; `listenSeconds` is
 *   how long a worker may need until it listens
 * @typedef {object} Contestant
 * @property {(setup: Setup) => string[]} command
 * @property {(setup: Setup) => object} [env]
 * @property {NodeJS.Signals | ((setup: Setup, runner: { pid: number, signal: AbortSignal }) => Promise<unknown>)} reload
 *   a signal to the runner, or a command, which ends when it is aborted
 * @property {number} [oldest] the oldest major version of Node on which it runs
 * @property {boolean} [checksAnswers] whether it can ask a new worker before an old one goes
 */

/** @type {Record<string, Contestant>} */
export const CONTESTANTS = {
  'crossfork run': { command: (setup) => crossfork(setup), reload: 'SIGHUP', checksAnswers: true },
  'crossfork run --no-shim': {
    command: (setup) => crossfork(setup, '--no-shim'),
    reload: 'SIGHUP',
    checksAnswers: true,
  },
  "Node's cluster": {
    command: ({ node, workers }) => [node.bin, join(here, 'programs/primary.cjs'), PROGRAM, workers, KILL * 1000],
    reload: 'SIGHUP',
  },
  'pm2-runtime': {
    command: ({ node, workers, listenSeconds }) => [
      ...[node.bin, pm2('pm2-runtime'), PROGRAM, '--raw', '-i', workers],
      ...['--kill-timeout', KILL * 1000, '--listen-timeout', listenSeconds * 1000],
    ],
    env: pm2Environment,
    reload: (setup, { signal }) => {
      const env = { ...process.env, ...pm2Environment(setup) };
      return run(setup.node.bin, [pm2('pm2'), 'reload', 'all'], { env, signal });
    },
  },
  wattpm: {
    command: (setup) => [setup.node.bin, watt(), 'start', wattProject(setup)],
    // Not SIGUSR2, although it is documented: this version stops then.
    reload: ({ node }, { pid, signal }) => run(node.bin, [watt(), 'restart', String(pid)], { signal }),
    oldest: 22,
  },
};

function crossfork({ crossfork, node, workers, listenSeconds, readyUrl }, ...more) {
  const times = ['--listen-timeout', listenSeconds, '--kill-timeout', KILL];
  const check = readyUrl ? ['--ready-url', readyUrl] : [];
  return [crossfork, 'run', '-i', workers, '--node', node.bin, '--log', 'raw', ...times, ...check, ...more, PROGRAM];
}

const pm2 = (name) => join(install(join(here, 'npm/pm2')), 'pm2/bin', name);

/** It finds Node on the PATH, and its daemon in a folder. */
function pm2Environment({ node, folder }) {
  return { PM2_HOME: folder, PATH: `${dirname(node.bin)}:${process.env.PATH}` };
}

const watt = () => join(install(join(here, 'npm/watt')), 'wattpm/bin/cli.js');

/** Watt wants a folder with the program, its own packages and a configuration. */
function wattProject({ workers, port, folder, listenSeconds }) {
  const configuration = {
    module: '@platformatic/node',
    node: { main: 'app.cjs' },
    runtime: {
      workers,
      server: { hostname: '127.0.0.1', port },
      startTimeout: listenSeconds * 1000,
      gracefulShutdown: { runtime: (KILL + 2) * 1000, application: KILL * 1000 },
      logger: { level: 'warn' },
    },
  };
  copyFileSync(PROGRAM, join(folder, 'app.cjs'));
  symlinkSync(join(here, 'npm/watt/node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  writeFileSync(join(folder, 'watt.json'), JSON.stringify(configuration));
  return folder;
}
