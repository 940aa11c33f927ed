// `npm run bench`: Node and Rust children side by side under one Node parent, Rust with Rust, Node and Rust parents side
// by side with the same children; values of the `advanced` mode encoded and decoded, and messages beside those in JSON.
//
//   --quick            a tenth of everything, once
//   --only NAME,...    some scenarios (plan.mjs), or a table: children, parents, values, modes
//   --runs N           how often everything is measured; medians are shown (5)
//   --node PATH        the Node of the parent and the child (the one that runs this)
//   --json FILE        writes every run to a file
//   --record           writes the medians to docs/figures.json, which the documents show
//   --debug            debug builds: to try a scenario, not to measure

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';

import { verdicts } from './expectations.mjs';
import { caseKey, Figures } from './figures.mjs';
import { codecs, measure, Programs, parents, pinning } from './measure.mjs';
import { quick, SCENARIOS } from './plan.mjs';
import { record } from './record.mjs';
import { tableOf, tables } from './table.mjs';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    runs: { type: 'string' },
    node: { type: 'string', default: process.execPath },
    json: { type: 'string' },
    record: { type: 'boolean', default: false },
    debug: { type: 'boolean', default: false },
  },
});
const runs = Number(options.runs ?? (options.quick ? 1 : 5));
if (!Number.isInteger(runs) || runs < 1) throw new Error('--runs must be a number from 1 up');

const programs = new Programs({ release: !options.debug });
const pins = pinning();
const scenarios = choose();
const figures = await measureAll();

const version = execFileSync(options.node, ['--version'], { encoding: 'utf8' }).trim();
console.log(`Node ${version}, ${cpus().length} x ${cpus()[0].model.trim()}, medians of ${runs} runs`);
console.log('node: a Node child; blocking, tokio: Rust children; worker: the crossfork command; bare: a hand-written');
console.log('loop; limit: a child that does nothing with the bytes, which shows what the parent can do.');
const has = (table) => scenarios.some((scenario) => tableOf(scenario) === table);
if (has('parents')) console.log('In the table of parents, the columns are parents.');
if (has('values')) {
  console.log("values: v8.serialize and v8.deserialize of Node, and ours into types of one's own and into v8::Value.");
}
if (has('modes')) {
  console.log('modes: children in the advanced mode, and in JSON: with Buffers as they are, and as base64.');
}
console.log();
console.log(tables(scenarios, figures).join('\n'));
console.log(verdicts(figures).join('\n'));
if (options.json) writeFileSync(options.json, `${JSON.stringify({ version, runs, figures }, null, 1)}\n`);
if (options.record) record('ipc', { node: version, runs }, figures.medians());

function choose() {
  const names = options.only?.split(',') ?? SCENARIOS.map(({ name }) => name);
  const called = (scenario, name) => scenario.name === name || tableOf(scenario) === name;
  const unknown = names.filter((name) => !SCENARIOS.some((scenario) => called(scenario, name)));
  if (unknown.length > 0) {
    throw new Error(`--only: no ${unknown.join(', ')}; there are ${SCENARIOS.map(({ name }) => name).join(', ')}`);
  }
  const chosen = SCENARIOS.filter((scenario) => names.some((name) => called(scenario, name)));
  const possible = chosen.filter(({ name, pinned }) => {
    if (pinned && !pins) console.error(`${name}: left out, for there is no taskset here`);
    return !pinned || pins;
  });
  return options.quick ? quick(possible) : possible;
}

async function measureAll() {
  const figures = new Figures();
  const { node } = options;
  const setup = { programs, node, pins };
  const running = { parents: parents(setup), codecs: codecs(setup) };
  try {
    for (const scenario of scenarios) {
      const started = performance.now();
      for (const one of scenario.cases) {
        for (let run = 0; run < runs * (scenario.times ?? 1); run++) {
          for (const contestant of one.contestants ?? scenario.contestants) {
            const seen = await measure(scenario, one, contestant, { ...setup, ...running });
            figures.add(scenario.name, caseKey(one), contestant, seen);
          }
        }
      }
      console.error(`${scenario.name}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
    }
  } finally {
    for (const measurers of Object.values(running)) measurers.end();
  }
  return figures;
}
