// `npm run bench:run`: the same exams for `crossfork run`, with and without its preload, Node's cluster, pm2-runtime and
// Watt, which run the same program. What fails is counted, and what is timed is shown as medians.
//
//   --quick           some minutes for all
//   --full            1,000 killed workers in place of 100, and more time
//   --only EXAM       one of handover, kills, poison, deploys, cost, preload; may be repeated
//   --runner NAME     one of the runners, such as pm2-runtime; may be repeated
//   --record          writes the figures to docs/figures.json, which the documents show
//   CROSSFORK_RUNTIMES=node18,node26   the Nodes (node24)
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { runtimes } from '../../runtimes/index.mjs';
import { record } from '../record.mjs';
import { needWrk } from '../wrk.mjs';
import { CONTESTANTS } from './contestants.mjs';
import { EXAMS } from './exams/index.mjs';
import { Results } from './results.mjs';

const options = parse();
const nodes = chosenNodes();
const exams = chosen('--only', EXAMS, options.only);
const names = Object.keys(chosen('--runner', CONTESTANTS, options.runner));
if (Object.values(exams).some(({ needsWrk }) => needsWrk)) needWrk();

const { build } = createRequire(import.meta.url)('../../../js/build.cjs');
const crossfork = build({ bin: 'crossfork', features: ['cli'], release: true });
const canCheck = execFileSync(crossfork, ['run', '--help'], { encoding: 'utf8' }).includes('--ready-url');
const size = options.quick ? 'quick' : options.full ? 'full' : 'normal';
const all = new Results(names);

for (const node of nodes) {
  const results = new Results(names);
  const setup = { crossfork, canCheck, node, size, workers: Math.min(2, availableParallelism()), listenSeconds: 30 };
  for (const [name, exam] of Object.entries(exams)) await take(name, exam, setup, results);
  console.log(`\nNode ${version(node)}, ${size}\n${results.table()}`);
}
if (options.record) {
  const runs = Math.max(...Object.values(exams).map(({ rounds }) => rounds[size]));
  record('run', { node: nodes.map(version).join(', '), runs }, all.figures());
}
process.exit();

/** The contestants take turns, so that whatever disturbs the machine disturbs all of them. */
async function take(name, exam, setup, results) {
  const able = (exam.contestants ?? names).filter((each) => setup.node.major >= (CONTESTANTS[each].oldest ?? 0));
  for (let round = 0; round < exam.rounds[size]; round++) {
    for (const some of exam.isLight && size === 'quick' ? [able] : able.map((each) => [each])) {
      console.error(`${setup.node.name}: ${name}: ${some.join(', ')}`);
      await Promise.all(some.map((contestant) => one(name, exam, contestant, setup, results)));
    }
  }
}

async function one(name, exam, contestant, setup, results) {
  for (const result of await exam.run(contestant, setup)) {
    for (const each of [results, all]) each.add({ exam: name, contestant, ...result });
  }
}

function parse() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      full: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true },
      runner: { type: 'string', multiple: true },
      record: { type: 'boolean', default: false },
    },
  });
  return values;
}

function chosen(option, all, names = Object.keys(all)) {
  const unknown = names.find((name) => !all[name]);
  if (unknown !== undefined) {
    console.error(`${option} ${unknown}: it must be one of ${Object.keys(all).join(', ')}.`);
    process.exit(2);
  }
  return Object.fromEntries(names.map((name) => [name, all[name]]));
}

function chosenNodes() {
  const nodes = runtimes.filter(({ kind }) => kind === 'node');
  return process.env.CROSSFORK_RUNTIMES ? nodes : [nodes.find(({ major }) => major === 24) ?? nodes[0]];
}

function version({ bin }) {
  return execFileSync(bin, ['--version'], { encoding: 'utf8' }).trim();
}
