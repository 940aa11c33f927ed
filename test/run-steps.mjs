// Runs steps, those of a lane one after the other and the lanes beside each other, and says in the end what became of each.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setImmediate } from 'node:timers/promises';
import { ROOT } from './steps.mjs';

/**
 * @param {import('./steps.mjs').Step[]} steps each behind those that it needs
 * @param {object} how
 * @param {string} how.folder where there is room
 * @param {'quick' | 'full'} how.tier
 * @param {boolean} how.keepGoing whether the others are run although one has failed
 * @returns the exit code: 0 if all have passed
 */
export async function runSteps(steps, { folder, tier, keepGoing }) {
  const start = performance.now();
  const all = steps.filter(({ command }) => command);
  const run = new Run(all, folder, tier);
  /** By step: resolves with whether it has passed. */
  const ends = new Map();
  const lanes = new Map();
  const summary = new Map(all.map(({ name }) => [name, undefined]));
  const failures = [];
  let isOver = false;

  const attempt = async (step, before) => {
    await before;
    const needs = await Promise.all((step.needs ?? []).map(async (name) => (await ends.get(name)) === false && name));
    // What runs beside it goes on to its end.
    if (isOver) return false;
    const missing = needs.find(Boolean);
    if (missing) {
      summary.set(step.name, `NOT RUN                             ${step.name}: it needs ${missing}`);
      return false;
    }
    const { passed, told, detail } = await run.step(step);
    summary.set(step.name, told);
    failures.push(...detail);
    isOver ||= run.stopped || (!passed && !keepGoing);
    return passed;
  };
  for (const step of all) {
    const end = attempt(step, lanes.get(step.lane));
    ends.set(step.name, end);
    lanes.set(step.lane, end);
  }
  const passed = (await Promise.all(ends.values())).every(Boolean);

  console.log(`\n=== summary (${tier} tier, ${secondsSince(start)} s)`);
  console.log([...summary.values()].filter(Boolean).join('\n'));
  // Once more, behind everything: of a long log often only the end is kept.
  if (failures.length > 0) console.log(`\n${failures.join('\n')}`);
  return passed ? 0 : 1;
}

/** The processes of steps, and whether we were told to stop: a step has failed then, and no other is begun. */
class Run {
  stopped = false;
  #children = new Set();
  #folder;
  #tier;
  /** Lines are told apart by the names of the steps, where several run at once. */
  #isNamed;
  /** What all children that have ended have used of the processors. */
  #used = processorSeconds();

  constructor(steps, folder, tier) {
    this.#folder = folder;
    this.#tier = tier;
    const lanes = new Set(steps.map(({ lane }) => lane));
    this.#isNamed = lanes.size > 1;
    for (const lane of lanes) mkdirSync(join(folder, lane));
    // They must not end us before we have cleaned up.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      process.on(signal, () => {
        this.stopped = true;
        // Ctrl-C reaches them by itself.
        if (signal !== 'SIGINT') for (const child of this.#children) child.kill(signal);
      });
    }
  }

  /** @returns whether it has passed, its line of the summary, and what has failed */
  async step({ name, title, lane, command, files = [], env, report }) {
    const all = [...command, ...files];
    console.log(`\n=== ${name}: ${title}\n${all.join(' ')}`);
    const start = performance.now();
    // Each step must leave the temporary directory of its lane as it was.
    const temporary = join(this.#folder, lane);
    const { end, used } = await this.#end(name, all, {
      ...process.env,
      // npm and Node would keep caches there.
      NODE_DISABLE_COMPILE_CACHE: '1',
      TMPDIR: temporary,
      CROSSFORK_TIER: this.#tier,
      ...env,
    });
    const seconds = secondsSince(start).padStart(6);
    const left = leftIn(temporary);
    const passed = !end && left === '';
    const detail = [];
    if (!passed) {
      if (end) detail.push(`${name}: ${end}`);
      if (report && existsSync(report)) detail.push(readFileSync(report, 'utf8'));
      if (left !== '') detail.push(`${name}: it has left ${left} in the temporary directory`);
      console.error(`\n${detail.join('\n')}`);
    }
    const processor = used > 0 ? `(processor ${used.toFixed(1)} s)` : '';
    const told = `${passed ? 'passed' : 'FAILED'}  ${seconds} s${processor.padStart(20)}  ${name}: ${title}`;
    return { passed, told, detail };
  }

  /** Resolves with what it has used of the processors, and with how it ended, in words, unless it has succeeded. */
  async #end(name, [file, ...args], env) {
    const stdio = this.#isNamed ? ['inherit', 'pipe', 'pipe'] : 'inherit';
    const child = spawn(file, args, { cwd: ROOT, env, stdio });
    this.#children.add(child);
    let used = 0;
    child.once('exit', () => {
      used = this.#usedSince();
    });
    const ended = once(child, 'exit');
    try {
      if (this.#isNamed) await Promise.all([child.stdout, child.stderr].map((stream) => named(name, stream, ended)));
      const [code, signal] = await ended;
      // Ctrl-C is for both of us, and we may be told of its end first.
      await setImmediate();
      this.stopped ||= signal === 'SIGINT';
      const end = this.stopped ? 'it was interrupted' : code !== 0 && (signal ?? `exit code ${code}`);
      return { used, end };
    } catch (error) {
      return { used, end: error.code === 'ENOENT' ? `${file} is not on the PATH` : error.message };
    } finally {
      this.#children.delete(child);
    }
  }

  /** What the child has used whose end we have just been told of. */
  #usedSince() {
    const before = this.#used;
    this.#used = processorSeconds();
    return this.#used - before;
  }
}

/** Passes on lines with the name of their step, until the step has ended. */
async function named(name, stream, ended) {
  const lines = createInterface({ input: stream });
  let timer;
  // A process that a test has left may keep the pipe open.
  const stop = () => {
    timer = setTimeout(() => lines.close(), 2000);
  };
  ended.then(stop, stop);
  for await (const line of lines) console.log(`${name.padEnd(9)} ${line}`);
  await ended.catch(() => {});
  clearTimeout(timer);
  stream.destroy();
}

/** Empties a temporary directory, and returns the names of what was in it. */
function leftIn(folder) {
  // The draining file of `crossfork run` stays: there is one for each user.
  rmSync(join(folder, `crossfork-${process.getuid()}`), { recursive: true, force: true });
  const left = readdirSync(folder);
  for (const one of left) rmSync(join(folder, one), { recursive: true, force: true });
  return left.join(', ');
}

/** What our children have used of the processors; 0 where nobody tells. */
function processorSeconds() {
  if (!existsSync('/proc/self/stat')) return 0;
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ');
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

function secondsSince(start) {
  return ((performance.now() - start) / 1000).toFixed(1);
}
