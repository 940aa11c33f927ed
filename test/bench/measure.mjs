// Runs the plan: every contestant once, then every contestant again, so that whatever disturbs the machine disturbs
// them all.

import { execFileSync, fork, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const here = import.meta.dirname;

/** More than a Node parent has for itself. */
const DEADLINE = 90_000;
const { build } = createRequire(import.meta.url)('../../js/build.cjs');

/** @returns {{ child: string, parent: string, pair: string, worker: string }} the paths of the programs, built */
export function buildAll() {
  // The same features for all, so that what they depend on is built once.
  const how = { features: ['cli'], release: true };
  return {
    child: build({ example: 'bench-child', ...how }),
    parent: build({ example: 'bench-parent', ...how }),
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

/** The parents that run. Each is started when it is first needed, and then lives on, so that its code is warm. */
export class Parents {
  #start;
  #running = new Map();

  /** @param {(name: string, pinned: boolean) => Parent} start */
  constructor(start) {
    this.#start = start;
  }

  async measure(name, { pinned = false, fresh = false }, order) {
    if (!fresh) return this.#lasting(name, pinned).measure(order);
    const parent = this.#start(name, pinned);
    try {
      return await parent.measure(order);
    } finally {
      parent.end();
    }
  }

  #lasting(name, pinned) {
    const key = `${name} ${pinned}`;
    if (!this.#running.has(key)) this.#running.set(key, this.#start(name, pinned));
    return this.#running.get(key);
  }

  end() {
    for (const parent of this.#running.values()) parent.end();
  }
}

/** A Node or Rust parent, kept on one core if there is a `pin`. */
export class Parent {
  #process;

  constructor(name, { programs, node, pin = [] }) {
    const command = name === 'node' ? [node, join(here, 'parent.cjs')] : [programs.parent, name];
    const [execPath, ...args] = [...pin, ...command];
    const module = args.pop();
    this.#process = fork(module, { execPath, execArgv: args });
  }

  async measure(order) {
    let timer;
    const answer = await new Promise((resolve, reject) => {
      const ended = (code, signal) => reject(new Error(`the parent ended with ${signal ?? code}`));
      this.#process.once('error', reject).once('exit', ended);
      this.#process.once('message', (message) => {
        this.#process.off('error', reject).off('exit', ended);
        resolve(message);
      });
      timer = setTimeout(() => {
        reject(new Error(`no answer within ${DEADLINE / 1000} s: ${order.command.join(' ')}`));
        this.#process.kill('SIGKILL');
      }, DEADLINE);
      this.#process.send(order);
    }).finally(() => clearTimeout(timer));
    if (answer.error) throw new Error(answer.error);
    return answer.result;
  }

  end() {
    if (this.#process.connected) this.#process.disconnect();
  }
}

/**
 * One figure for each thing that can be seen, all per message.
 * @returns {Promise<{ time: number, rate?: number, cpu?: number, rss?: number, byte?: number, cpuByte?: number,
 *   parentCpu?: number, parentRss?: number }>}
 */
export async function measure(scenario, { size, warm, count }, contestant, { programs, node, parents, pins }) {
  const [asParent, asChild] = scenario.child ? [contestant, scenario.child] : ['node', contestant];
  const result = scenario.pair
    ? pair(programs.pair, [contestant, scenario.pair, size, warm, count], scenario.pinned, pins)
    : await parents.measure(asParent, scenario, {
        job: scenario.job,
        ...child(scenario.job, asChild, [size, warm, count], programs, node),
        children: scenario.children,
        size,
        warm,
        count,
        blind: asChild === 'limit',
      });
  const { time, cpu, rss, parentCpu, parentRss } = result;
  const n = count ?? 1;
  return {
    time: time / n,
    rate: (n / time) * 1e6,
    cpu: cpu / n,
    rss,
    byte: (time / n / size) * 1e3,
    cpuByte: (cpu / n / size) * 1e3,
    parentCpu: parentCpu / n,
    parentRss,
  };
}

/** How a contestant is started, and with what standard streams. */
function child(job, contestant, [size, warm, count], programs, node) {
  // These begin with an echo, which is what every child does when its job is done.
  const echo = ['trip', 'start', 'idle'].includes(job);
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
