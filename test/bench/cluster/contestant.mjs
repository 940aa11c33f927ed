// A primary with its workers, as the bench sees it from outside.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, get } from '../../http.mjs';
import { cpuOf } from '../run-exams/processes.mjs';

const { residentMemory } = createRequire(import.meta.url)('../../interop/kit/proc.cjs');

const here = import.meta.dirname;
const DEADLINE_MS = 20_000;
const PATIENCE_MS = 1000;

/** How each is started, given the number of workers. The last is the limit: it replaces no worker. */
export const CONTESTANTS = {
  'node rr': ({ node, workers }) => [[node, join(here, 'primary.cjs'), workers], 'rr'],
  'crossfork rr': (setup) => [run(setup, 'rr'), undefined],
  'node shared': ({ node, workers }) => [[node, join(here, 'primary.cjs'), workers], 'none'],
  'crossfork shared': (setup) => [run(setup, 'shared'), undefined],
  'bare rr': ({ limit, node, workers }) => [[limit, workers, node, join(here, 'app.cjs')], undefined],
};

const run = ({ crossfork, node, workers }, balance) => [
  ...[crossfork, 'run', '--instances', workers, '--balance', balance, '--node', node, '--log', 'raw'],
  join(here, 'app.cjs'),
];

export class Contestant {
  /** Starts it, and waits until it has answered once. */
  static async start(name, setup) {
    const [[file, ...args], policy] = CONTESTANTS[name](setup);
    const port = await freePort();
    const env = { ...process.env, PORT: String(port), ...(policy && { NODE_CLUSTER_SCHED_POLICY: policy }) };
    const started = performance.now();
    const process_ = spawn(file, args.map(String), { env, stdio: 'ignore' });
    const contestant = new Contestant(process_, port);
    await contestant.pidThatAnswers(() => true);
    contestant.firstAnswer = performance.now() - started;
    contestant.replaces = name !== 'bare rr';
    return contestant;
  }

  constructor(process_, port) {
    this.process = process_;
    this.port = port;
  }

  /** The CPU time that the primary has used, in microseconds. */
  cpu() {
    return cpuOf([this.process.pid]);
  }

  /** The memory of the primary, in bytes. */
  memory() {
    return residentMemory(this.process.pid);
  }

  /** The milliseconds from the death of a worker until one that did not live then has answered. */
  async replace() {
    const before = new Set();
    for (let i = 0; i < 20; i++) before.add(await this.pidThatAnswers(() => true));
    const started = performance.now();
    process.kill([...before][0], 'SIGKILL');
    await this.pidThatAnswers((pid) => !before.has(pid));
    return performance.now() - started;
  }

  async stop() {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = once(this.process, 'exit');
    this.process.kill('SIGTERM');
    await ended;
  }

  /** Asks until a worker answers whose pid is the right one. */
  async pidThatAnswers(isRight) {
    const end = Date.now() + DEADLINE_MS;
    while (Date.now() < end) {
      const pid = await ask(this.port).catch(() => undefined);
      if (pid && isRight(pid)) return pid;
      await sleep(1);
    }
    this.process.kill('SIGKILL');
    throw new Error('no answer');
  }
}

/** The pid of whoever answers a request on a connection of its own. */
async function ask(port) {
  // Node loses a connection whose worker dies before it has accepted it.
  const { body } = await get(port, '/', { signal: AbortSignal.timeout(PATIENCE_MS) });
  return Number(body);
}
