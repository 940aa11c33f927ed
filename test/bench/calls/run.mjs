// `npm run bench:calls`: calls through our pools beside other pools and a bare loop over the channel, two workers each.
// All pools are alive at once, and take turns in rounds, so that whatever disturbs the machine disturbs all. Figures are
// medians of the rounds. Our statistics, histograms and deadlines are included: each call has a timeout.
//
//   --quick       a tenth of each round, and three rounds
//   --only NAME   one of single, flight, objects, buffers, stream, start, memory
//   --pools TEXT  only contestants with this in their names
//   --record      writes the medians to docs/figures.json, which the documents show
//   --debug       debug builds: to try it, not to measure
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { median } from '../figures.mjs';
import { record } from '../record.mjs';
import { contestants } from './contestants.mjs';
import { verdicts } from './expectations.mjs';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    pools: { type: 'string', default: '' },
    record: { type: 'boolean', default: false },
    debug: { type: 'boolean', default: false },
  },
});
if (options.debug) process.env.CROSSFORK_BENCH_DEBUG = '1';
const ROUNDS = options.quick ? 3 : 7;
const SIZE = 2;
const few = (count) => (options.quick ? Math.ceil(count / 10) : count);
const chosen = Object.entries(contestants).filter(([name]) => name.includes(options.pools));

/** What each of its rounds measures: `of` makes the figure of the milliseconds that so many calls took. */
const CASES = {
  // Short rounds, and many: in a long one each pool has the processors to itself for so long that they get used to it.
  single: {
    title: 'one empty call at a time, µs',
    what: 'number',
    count: 200,
    inFlight: 1,
    rounds: 5 * ROUNDS,
    of: each(1000),
  },
  flight: { title: '64 empty calls in flight, 1000/s', what: 'number', count: few(50_000), inFlight: 64, of: rate },
  objects: { title: '64 objects of 1 KiB, 1000/s', what: 'object', count: few(10_000), inFlight: 64, of: rate },
  buffers: { title: '1 MiB there and back, ms', what: 'bytes', count: few(20), inFlight: 1, of: each(1) },
  stream: { title: 'a stream of 10,000 items, ms', what: 'items', count: few(10_000), inFlight: 64, of: (ms) => ms },
};

function each(units) {
  return (ms, count) => (ms * units) / count;
}

function rate(ms, count) {
  return count / ms;
}

/** The medians, by case and contestant. */
const figures = {};

function note(name, title, seen) {
  console.log(`\n${title}`);
  figures[name] = {};
  for (const [one, values] of Object.entries(seen)) {
    if (values.length === 0) continue;
    figures[name][one] = median(values);
    console.log(`  ${one.padEnd(38)} ${figures[name][one].toPrecision(4)}`);
  }
}

const wants = (name) => options.only === undefined || options.only === name;
const nothingSeen = () => Object.fromEntries(chosen.map(([one]) => [one, []]));

for (const [name, { title, what, count, inFlight, rounds = ROUNDS, of }] of Object.entries(CASES)) {
  if (!wants(name)) continue;
  const seen = nothingSeen();
  const pools = [];
  for (const [one, start] of chosen) pools.push([one, await start(SIZE, 64)]);
  for (let round = 0; round <= rounds; round++) {
    for (const [one, pool] of pools) {
      const ms = await pool.run(what, count, inFlight);
      // The first round warms up.
      if (round > 0 && ms !== undefined) seen[one].push(of(ms, count));
    }
  }
  for (const [, pool] of pools) await pool.close();
  note(name, title, seen);
}

if (wants('start')) {
  const seen = nothingSeen();
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [one, start] of chosen) {
      const begin = performance.now();
      const pool = await start(4, 4);
      const ms = pool.startedIn ?? performance.now() - begin;
      if (round > 0) seen[one].push(ms);
      await pool.close();
    }
  }
  note('start', 'start of a pool of 4, ms', seen);
}

if (wants('memory')) {
  const seen = nothingSeen();
  const memory = join(import.meta.dirname, 'memory.mjs');
  for (let round = 0; round < (options.quick ? 1 : 3); round++) {
    for (const [one] of chosen) {
      const output = execFileSync(process.execPath, ['--expose-gc', memory, one, '4'], { encoding: 'utf8' });
      seen[one].push(JSON.parse(output).bytes / 1e6);
    }
  }
  note('memory', 'memory of a pool of 4 (PSS), MB', seen);
}

console.log(`\n${verdicts((name, one) => figures[name]?.[one]).join('\n')}`);
if (options.record) record('calls', { node: process.version, runs: ROUNDS }, figures);
process.exit();
