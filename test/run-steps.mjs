// Runs steps one after the other, and says in the end what became of each.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { ROOT } from './steps.mjs';

/**
 * @param {import('./steps.mjs').Step[]} steps
 * @param {object} how
 * @param {string} how.folder where there is room
 * @param {string} how.failures where a step may write what has failed
 * @param {'quick' | 'full'} how.tier
 * @param {boolean} how.keepGoing whether the others are run although one has failed
 * @returns the exit code: 0 if all have passed
 */
export async function runSteps(steps, { folder, failures: report, tier, keepGoing }) {
  // Each step must leave its temporary directory as it was.
  const temporary = join(folder, 'tmp');
  mkdirSync(temporary);
  const run = new Run();
  const summary = [];
  const failures = [];
  const failed = new Set();
  for (const step of steps.filter(({ command }) => command)) {
    const missing = step.needs?.find((name) => failed.has(name));
    if (missing) {
      failed.add(step.name);
      summary.push(`NOT RUN                             ${step.name}: it needs ${missing}`);
      continue;
    }
    const { passed, seconds, processor, detail } = await runStep(step, { run, temporary, report, tier });
    summary.push(
      `${passed ? 'passed' : 'FAILED'}  ${seconds.padStart(6)} s${processor.padStart(20)}  ${step.name}: ${step.title}`,
    );
    failures.push(...detail);
    if (!passed) {
      failed.add(step.name);
      if (!keepGoing || run.stopped) break;
    }
  }
  console.log(`\n=== summary (${tier} tier)\n${summary.join('\n')}`);
  // Once more, behind everything: of a long log often only the end is kept.
  if (failures.length > 0) console.log(`\n${failures.join('\n')}`);
  return failed.size > 0 ? 1 : 0;
}

/** The process of a step, and whether we were told to stop: the step has failed then, and no other is begun. */
class Run {
  stopped = false;
  #child;

  constructor() {
    // They must not end us before we have cleaned up.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      process.on(signal, () => {
        this.stopped = true;
        // Ctrl-C reaches it by itself.
        if (signal !== 'SIGINT') this.#child?.kill(signal);
      });
    }
  }

  /** Resolves with how it ended, in words; undefined if it has succeeded. */
  async end([file, ...args], options) {
    this.#child = spawn(file, args, options);
    try {
      const [code, signal] = await once(this.#child, 'exit');
      // Ctrl-C is for both of us, and we may be told of its end first.
      await setImmediate();
      this.stopped ||= signal === 'SIGINT';
      if (this.stopped) return 'it was interrupted';
      return code === 0 ? undefined : (signal ?? `exit code ${code}`);
    } catch (error) {
      return error.code === 'ENOENT' ? `${file} is not on the PATH` : error.message;
    }
  }
}

async function runStep({ name, title, command, files: own = [], env }, { run, temporary, report, tier }) {
  console.log(`\n=== ${name}: ${title}\n${[...command, ...own].join(' ')}`);
  const start = performance.now();
  const before = processorSeconds();
  const end = await run.end([...command, ...own], {
    cwd: ROOT,
    env: {
      ...process.env,
      // npm and Node would keep caches there.
      NODE_DISABLE_COMPILE_CACHE: '1',
      TMPDIR: temporary,
      CROSSFORK_TIER: tier,
      ...env,
    },
    stdio: 'inherit',
  });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const used = processorSeconds() - before;
  const detail = [];
  if (end !== undefined) detail.push(`${name}: ${end}`);
  if (existsSync(report)) {
    detail.push(readFileSync(report, 'utf8'));
    rmSync(report);
  }
  // The draining file of `crossfork run` stays: there is one for each user.
  rmSync(join(temporary, `crossfork-${process.getuid()}`), { recursive: true, force: true });
  const left = readdirSync(temporary);
  if (left.length > 0) {
    detail.push(`${name}: it has left ${left.join(', ')} in the temporary directory`);
    for (const one of left) rmSync(join(temporary, one), { recursive: true, force: true });
  }
  const passed = end === undefined && left.length === 0;
  if (!passed) console.error(`\n${detail.join('\n')}`);
  return {
    passed,
    seconds,
    processor: used > 0 ? `(processor ${used.toFixed(1)} s)` : '',
    detail: passed ? [] : detail,
  };
}

/** What our children have used of the processors; 0 where nobody tells. */
function processorSeconds() {
  if (!existsSync('/proc/self/stat')) return 0;
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ');
  return (Number(fields[13]) + Number(fields[14])) / 100;
}
