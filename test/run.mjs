// `npm test`: everything that a change must pass.
//
//   npm test                           the quick tier: every pair of the matrix, in minutes
//   npm run test:full                  the full tier: the whole product
//   npm test -- STEP…                  some steps, and what they need; `interop/parent` is one file of a step
//   npm test -- --keep-going           runs all steps although one has failed
//   npm test -- --list                 the steps, and their files
//   CROSSFORK_RUNTIMES=node20,bun      some runtimes
//   CROSSFORK_SHARD=2/5                the second of five parts of the matrix
import { mkdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { temporaryFolder } from './environment.mjs';
import { runSteps } from './run-steps.mjs';
import { steps } from './steps.mjs';

const folder = temporaryFolder('crossfork-');
const files = Object.fromEntries(['artifacts', 'native', 'failures'].map((name) => [name, join(folder, name)]));
const all = steps(files);
try {
  const { values: options, positionals } = parse();
  // What is wrong in the environment is told now, and not by the first step that needs it.
  const { TIER } = await import('./cells.mjs');
  const tier = options.full ? 'full' : TIER;
  if (options.list) list();
  else {
    mkdirSync(files.failures);
    process.exitCode = await runSteps(chosen(positionals), { folder, tier, keepGoing: options['keep-going'] });
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 2;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function parse() {
  return parseArgs({
    allowPositionals: true,
    options: {
      full: { type: 'boolean', default: false },
      'keep-going': { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
    },
  });
}

function list() {
  for (const step of all) {
    console.log(`${step.name.padEnd(10)} ${step.title}`);
    for (const file of step.files ?? []) console.log(`  ${partName(step, file)}`);
  }
}

/** The steps that were asked for, with those that they need before them. */
function chosen(positionals) {
  if (positionals.length === 0) return all;
  const parts = new Map();
  const want = (name, file) => {
    const step = all.find((step) => step.name === name);
    if (!step) {
      const names = all.map(({ name }) => name).join(', ');
      throw new Error(
        `There is no step ${name}. The steps are: ${names}. \`npm test -- --list\` has their files, too.`,
      );
    }
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
