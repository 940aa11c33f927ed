// `npm test`: everything that a change must pass.
//
//   npm test                           the quick tier: every pair of the matrix, in minutes
//   npm run test:full                  the full tier: the whole product
//   npm test -- STEP…                  some steps, and what they need; `interop/parent` is one file of a step
//   npm test -- --keep-going           runs all steps although one has failed
//   npm test -- --list                 the steps, and their files
//   CROSSFORK_RUNTIMES=node20,bun      some runtimes
//   CROSSFORK_SHARD=2/5                the second of five parts of the matrix
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { temporaryFolder } from './environment.mjs';
import { ROOT, steps } from './steps.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    full: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});

const folder = temporaryFolder('crossfork-');
const files = Object.fromEntries(['artifacts', 'native', 'failures'].map((name) => [name, join(folder, name)]));
// Each step must leave its temporary directory as it was.
const temporary = join(folder, 'tmp');
mkdirSync(temporary);

const all = steps(files);
try {
  if (options.list) list();
  else run(chosen());
} catch (error) {
  console.error(error.message);
  process.exitCode = 2;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function list() {
  for (const step of all) {
    console.log(`${step.name.padEnd(10)} ${step.title}`);
    for (const file of step.files ?? []) console.log(`  ${partName(step, file)}`);
  }
}

/** The steps that were asked for, with those that they need before them. */
function chosen() {
  if (positionals.length === 0) return all;
  const parts = new Map();
  const want = (name, file) => {
    const step = all.find((step) => step.name === name);
    if (!step) throw new Error(`There is no step ${name}. The steps are: ${all.map(({ name }) => name).join(', ')}.`);
    for (const need of step.needs ?? []) if (!parts.has(need)) want(need);
    if (file === undefined) parts.set(name, step.files);
    else if (parts.get(name) !== step.files) parts.set(name, [...(parts.get(name) ?? []), file]);
  };
  for (const text of positionals) {
    const owner = all.find((step) => step.files?.some((file) => partName(step, file) === text));
    if (owner)
      want(
        owner.name,
        owner.files.find((file) => partName(owner, file) === text),
      );
    else want(text);
  }
  return all.filter(({ name }) => parts.has(name)).map((step) => ({ ...step, files: parts.get(step.name) }));
}

function partName({ name }, file) {
  return `${name}/${basename(file, '.test.mjs')}`;
}

function run(steps) {
  // Ctrl-C ends the step, which then has failed; it must not end us before we have cleaned up.
  process.on('SIGINT', () => {});
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
    const { passed, seconds, processor, detail } = runStep(step);
    summary.push(
      `${passed ? 'passed' : 'FAILED'}  ${seconds.padStart(6)} s${processor.padStart(20)}  ${step.name}: ${step.title}`,
    );
    failures.push(...detail);
    if (!passed) {
      failed.add(step.name);
      if (!options['keep-going']) break;
    }
  }
  if (failed.size > 0) process.exitCode = 1;
  console.log(`\n=== summary (${options.full ? 'full' : 'quick'} tier)\n${summary.join('\n')}`);
  // Once more, behind everything: of a long log often only the end is kept.
  if (failures.length > 0) console.log(`\n${failures.join('\n')}`);
}

function runStep({ name, title, command, files: own = [], env }) {
  console.log(`\n=== ${name}: ${title}\n${[...command, ...own].join(' ')}`);
  const start = performance.now();
  const before = processorSeconds();
  const [file, ...args] = command;
  const { status, signal, error } = spawnSync(file, [...args, ...own], {
    cwd: ROOT,
    env: {
      ...process.env,
      // npm and Node would keep caches there.
      NODE_DISABLE_COMPILE_CACHE: '1',
      TMPDIR: temporary,
      CROSSFORK_TIER: options.full ? 'full' : 'quick',
      ...env,
    },
    stdio: 'inherit',
  });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const used = processorSeconds() - before;
  const detail = [];
  if (status !== 0) {
    const end = error?.code === 'ENOENT' ? `${file} is not on the PATH` : (signal ?? `exit code ${status}`);
    detail.push(`${name}: ${end}`);
  }
  if (existsSync(files.failures)) {
    detail.push(readFileSync(files.failures, 'utf8'));
    rmSync(files.failures);
  }
  const left = readdirSync(temporary);
  if (left.length > 0) {
    detail.push(`${name}: it has left ${left.join(', ')} in the temporary directory`);
    for (const one of left) rmSync(join(temporary, one), { recursive: true, force: true });
  }
  const passed = status === 0 && left.length === 0;
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
