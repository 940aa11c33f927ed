// `npm run bench:cluster`: Node's cluster, `crossfork run`, and the least that a primary has to do (limit.rs), with the same
// unmodified workers under the same load, which comes from wrk.
//
//   --quick      one short run
//   --runs N     how often everything is measured; medians are shown (5)
//   --record     writes the medians to docs/figures.json, which the documents show
//   --node PATH  the Node of the workers, and of Node's primary (the one that runs this)

import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';

import { median } from '../figures.mjs';
import { record } from '../record.mjs';
import { load, needWrk } from '../wrk.mjs';
import { CONTESTANTS, Contestant } from './contestant.mjs';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    runs: { type: 'string' },
    record: { type: 'boolean', default: false },
    node: { type: 'string', default: process.execPath },
  },
});
const RUNS = Number(options.runs ?? (options.quick ? 1 : 5));
const SECONDS = options.quick ? 1 : 4;
const WORKERS = 2;
const CLIENTS = 32;

needWrk();
const { build } = createRequire(import.meta.url)('../../../js/build.cjs');
const crossfork = build({ bin: 'crossfork', features: ['cli'], release: true });
const limit = build({ example: 'bench-cluster-limit', release: true });
const setup = { crossfork, limit, node: options.node, workers: WORKERS };

/** What is measured of a contestant: its name, unit, and how it is shown. */
const FIGURES = [
  ['a connection per request', 'requests/s'],
  ['  primary CPU', 'µs/connection'],
  ['keep-alive', 'requests/s'],
  ['primary memory', 'MB'],
  ['first answer after', 'ms'],
  ['killed worker replaced after', 'ms'],
];

const seen = Object.fromEntries(Object.keys(CONTESTANTS).map((name) => [name, []]));
for (let i = 0; i < RUNS; i++) {
  for (const name of Object.keys(CONTESTANTS)) seen[name].push(await measure(name));
}
report();

async function measure(name) {
  const contestant = await Contestant.start(name, setup);
  try {
    await load(contestant, { close: false, seconds: 0.5, clients: CLIENTS });
    const before = contestant.cpu();
    const each = await load(contestant, { close: true, seconds: SECONDS, clients: CLIENTS });
    const cpu = (contestant.cpu() - before) / each.requests;
    const kept = await load(contestant, { close: false, seconds: SECONDS, clients: CLIENTS });
    const memory = contestant.memory() / 1e6;
    const replaced = contestant.replaces ? await contestant.replace() : NaN;
    return [each.rate, cpu, kept.rate, memory, contestant.firstAnswer, replaced];
  } finally {
    await contestant.stop();
  }
}

function report() {
  const version = execFileSync(options.node, ['--version'], { encoding: 'utf8' }).trim();
  console.log(`Node ${version}, ${WORKERS} workers, ${CLIENTS} clients, medians of ${RUNS} runs of ${SECONDS} s`);
  const names = Object.keys(CONTESTANTS);
  const columns = [...names, 'rr: crossfork/node', 'rr: crossfork/bare', 'shared: crossfork/node'];
  console.log(['', ...columns].map((text, i) => (i ? text.padStart(24) : text.padEnd(46))).join(''));
  const measured = {};
  for (const [i, [title, unit]] of FIGURES.entries()) {
    const medians = names.map((name) => median(seen[name].map((figures) => figures[i])));
    measured[title.trim()] = Object.fromEntries(names.map((name, at) => [name, medians[at]]));
    const [nodeRr, ourRr, nodeShared, ourShared, bareRr] = medians;
    const figures = medians.map((figure) => show(figure, figure < 100 ? 1 : 0));
    const ratios = [ourRr / nodeRr, ourRr / bareRr, ourShared / nodeShared].map((ratio) => show(ratio, 2));
    const line = [...figures, ...ratios].map((text) => text.padStart(24)).join('');
    console.log(`${title} (${unit})`.padEnd(46) + line);
  }
  if (options.record) record('cluster', { node: version, runs: RUNS }, measured);
}

/** The limit has no figure for what it does not do, nor a shared primary for what costs it nothing. */
function show(figure, digits) {
  return Number.isFinite(figure) ? figure.toFixed(digits) : '-';
}
