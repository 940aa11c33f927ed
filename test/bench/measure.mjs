// Runs the plan: every contestant once, then every contestant again, so that whatever disturbs the machine disturbs
// them all.

import { deepStrictEqual } from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { Measurer, Measurers } from './measurer.mjs';
import { NODE } from './plan.mjs';

const here = import.meta.dirname;
const { build } = createRequire(import.meta.url)('../../js/build.cjs');

/** The paths of the programs, each built when it is first asked for. */
export class Programs {
  #paths = new Map();
  #release;

  constructor({ release }) {
    this.#release = release;
  }

  get child() {
    return this.#path({ example: 'bench-child' });
  }

  get codec() {
    return this.#path({ example: 'bench-codec' });
  }

  get parent() {
    return this.#path({ example: 'bench-parent' });
  }

  get pair() {
    return this.#path({ example: 'bench-pair' });
  }

  get worker() {
    return this.#path({ bin: 'crossfork' });
  }

  #path(target) {
    const name = target.example ?? target.bin;
    // The same features for all, so that what they depend on is built once. What is only tried is built as the tests are.
    const how = this.#release
      ? [{ ...target, features: ['cli'], release: true }]
      : [target, { args: ['--all-features'] }];
    if (!this.#paths.has(name)) this.#paths.set(name, build(...how));
    return this.#paths.get(name);
  }
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

/** @returns {Measurers} by name, and whether they are to stay on one core */
export function parents({ programs, node, pins }) {
  return new Measurers((name, pinned) => {
    const command = name === NODE ? [node, join(here, 'parent.cjs')] : [programs.parent, name];
    return new Measurer([...(pinned ? pins[0] : []), ...command]);
  });
}

/** @returns {Measurers} by whether they are Node's: values reach them as they are */
export function codecs({ programs, node }) {
  return new Measurers((isNode) => {
    const command = isNode ? [node, join(here, 'codec', 'node.cjs')] : [programs.codec];
    return new Measurer(command, { serialization: 'advanced' });
  });
}

/**
 * One figure for each thing that can be seen, all per message.
 * @returns {Promise<{ time: number, rate?: number, cpu?: number, rss?: number, byte?: number, cpuByte?: number,
 *   parentCpu?: number, parentRss?: number }>}
 */
export async function measure(scenario, one, contestant, setup) {
  // In JSON the same is another case.
  const [name, mode] = contestant.split(' ');
  const own = { ...one, ...one[mode] };
  if (own.kind) own.serialization = mode ? 'json' : 'advanced';
  const { time, cpu, rss, parentCpu, parentRss } = await result(scenario, own, name, setup);
  const { count: n = 1, size } = own;
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

async function result(scenario, one, contestant, { programs, node, parents, codecs, pins }) {
  const { kind, size, warm, count, serialization } = one;
  if (scenario.pair) {
    return pair(programs.pair, [contestant, scenario.pair, size, warm, count], scenario.pinned, pins);
  }
  if (scenario.codec) return codec(scenario.codec, one, contestant, codecs);
  const [asParent, asChild] = scenario.child ? [contestant, scenario.child] : [NODE, contestant];
  const order = {
    job: scenario.job,
    ...child(scenario.job, asChild, one, programs, node),
    children: scenario.children,
    serialization,
    kind,
    size,
    warm,
    count,
    blind: asChild === 'limit',
  };
  const { pinned = false, fresh = false } = scenario;
  const answer = await (fresh ? parents.askNew(order, asParent, pinned) : parents.ask(order, asParent, pinned));
  return answer.result;
}

/** What was encoded or decoded comes back, so that a contestant cannot be fast by doing something else. */
async function codec(job, { kind, warm, count, value }, contestant, codecs) {
  const order = { job, contestant, kind, warm, count, value: value() };
  const answer = await codecs.ask(order, contestant === NODE);
  deepStrictEqual(answer.value, order.value);
  return answer.result;
}

/** How a contestant is started, and with what standard streams. */
function child(job, contestant, { kind, size, warm, count }, programs, node) {
  // These begin with an echo, which is what every child does when its job is done.
  const echo = ['trip', 'start', 'idle'].includes(job);
  const args = (echo ? ['echo'] : jobArgs(job, kind, size, warm, count)).map(String);
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

function jobArgs(job, kind, size, ...counts) {
  if (kind) return ['parcels', kind, job, size ?? 0, ...counts];
  return job === 'send' || job === 'feed' ? [job, size, ...counts] : [job, ...counts];
}

/** Not pinned to one core, the two processes are on two: where the scheduler puts them would decide everything. */
function pair(program, args, pinned, [first, second] = [[], []]) {
  const [file, ...rest] = [...first, program, ...args.map(String), ...(pinned ? [] : second)];
  const { status, stdout, error } = spawnSync(file, rest, { stdio: ['ignore', 'pipe', 'inherit'], timeout: 60_000 });
  if (error) throw error;
  if (status !== 0) throw new Error(`${[file, ...rest].join(' ')} ended with ${status}`);
  return { time: Number(stdout) / 1000 };
}
