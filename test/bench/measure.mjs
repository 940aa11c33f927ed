// Runs the plan: every contestant once, then every contestant again, so that whatever disturbs the machine disturbs
// them all.

import { execFileSync, fork, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const here = import.meta.dirname;
const { build } = createRequire(import.meta.url)('../../js/build.cjs');

/** @returns {{ child: string, pair: string, worker: string }} the paths of the programs, built */
export function buildAll() {
  // The same features for all, so that what they depend on is built once.
  const how = { features: ['cli'], release: true };
  return {
    child: build({ example: 'bench-child', ...how }),
    pair: build({ example: 'bench-pair', ...how }),
    worker: build({ bin: 'crossfork', ...how }),
  };
}

/**
 * The command line prefix that keeps a process on the first or second core that this process may use; undefined where
 * there is none.
 */
export function pinning() {
  try {
    const [, list] = /Cpus_allowed_list:\s+(\S+)/.exec(readFileSync('/proc/self/status', 'utf8'));
    const cores = list.split(',').flatMap((range) => {
      const [first, last = first] = range.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });
    execFileSync('taskset', ['-c', String(cores[0]), 'true']);
    return [cores[0], cores[1] ?? cores[0]].map((core) => ['taskset', '-c', String(core)]);
  } catch {
    return undefined;
  }
}

/** A Node parent, kept on one core if there is a `pin`. */
export class Parent {
  #process;

  constructor(node, pin) {
    const [execPath, ...execArgv] = [...(pin ?? []), node];
    this.#process = fork(join(here, 'parent.cjs'), { execPath, execArgv });
  }

  async measure(order) {
    const answer = await new Promise((resolve, reject) => {
      const ended = (code, signal) => reject(new Error(`the parent ended with ${signal ?? code}`));
      this.#process.once('error', reject).once('exit', ended);
      this.#process.once('message', (message) => {
        this.#process.off('error', reject).off('exit', ended);
        resolve(message);
      });
      this.#process.send(order);
    });
    if (answer.error) throw new Error(answer.error);
    return answer.result;
  }

  end() {
    if (this.#process.connected) this.#process.disconnect();
  }
}

/**
 * One figure for each thing that can be seen, all per message.
 * @returns {Promise<{ time: number, rate?: number, cpu?: number, rss?: number, byte?: number, cpuByte?: number }>}
 */
export async function measure(scenario, { size, warm, count }, contestant, { programs, node, parents, pins }) {
  const result = scenario.pair
    ? pair(programs.pair, [contestant, scenario.pair, size, warm, count], scenario.pinned, pins)
    : await parents[scenario.pinned ? 'pinned' : 'free'].measure({
        job: scenario.job,
        ...child(scenario.job, contestant, [size, warm, count], programs, node),
        size,
        warm,
        count,
        blind: contestant === 'limit',
      });
  const { time, cpu, rss } = result;
  const n = count ?? 1;
  return {
    time: time / n,
    rate: (n / time) * 1e6,
    cpu: cpu / n,
    rss,
    byte: (time / n / size) * 1e3,
    cpuByte: (cpu / n / size) * 1e3,
  };
}

/** How a contestant is started, and with what standard streams. */
function child(job, contestant, [size, warm, count], programs, node) {
  // These two begin with an echo, which is what every child does when its job is done.
  const echo = job === 'trip' || job === 'start';
  const sends = job === 'send' || job === 'feed';
  const args = (echo ? ['echo'] : [job, ...(sends ? [size] : []), warm, count]).map(String);
  const stdio = ['ignore', 'inherit', 'inherit', 'ipc'];
  switch (contestant) {
    case 'node': {
      const command = echo ? [join(here, 'child', 'echo.cjs')] : [join(here, 'child', 'node.cjs'), ...args];
      return { command: [node, ...command], stdio };
    }
    case 'worker':
      return { command: [programs.worker, 'worker'], stdio, request: { crossfork: 'send', type: 'net.Server' } };
    case 'bare':
    case 'limit':
      // Standard input is the channel that a program finds without help.
      return { command: [programs.child, contestant, ...args], stdio: ['ipc', 'inherit', 'inherit'] };
    default:
      return { command: [programs.child, contestant, ...args], stdio };
  }
}

/** Not pinned to one core, the two processes are on two: where the scheduler puts them would decide everything. */
function pair(program, args, pinned, [first, second] = [[], []]) {
  const [file, ...rest] = [...first, program, ...args.map(String), ...(pinned ? [] : second)];
  const { status, stdout, error } = spawnSync(file, rest, { stdio: ['ignore', 'pipe', 'inherit'], timeout: 60_000 });
  if (error) throw error;
  if (status !== 0) throw new Error(`${[file, ...rest].join(' ')} ended with ${status}`);
  return { time: Number(stdout) / 1000 };
}
