// `npm run bench:calls`: calls through our pools beside other pools and a bare loop over the channel, two workers each.
// All pools are alive at once, and take turns in rounds, so that whatever disturbs the machine disturbs all. Figures are
// medians of the rounds. Our statistics, histograms and deadlines are included: each call has a timeout.
//
//   --quick       a tenth of each round, and three rounds
//   --only NAME   one of single, flight, objects, buffers, stream, start
import { parseArgs } from 'node:util';
import { median } from '../figures.mjs';
import { contestants } from './contestants.mjs';

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } },
});
const ROUNDS = options.quick ? 3 : 7;
const SIZE = 2;
const few = (count) => (options.quick ? Math.ceil(count / 10) : count);

/** Calls one after another, or so many at a time. Returns calls a second. */
async function rate(pool, value, count, inFlight) {
  let left = count;
  const start = performance.now();
  const caller = async () => {
    while (left-- > 0) await pool.echo(value);
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  return (count / (performance.now() - start)) * 1000;
}

const record = {
  id: 12345,
  name: 'x'.repeat(400),
  tags: Array.from({ length: 20 }, (_, i) => `tag ${i}`),
  text: 'y'.repeat(300),
};

/** What each round measures, and in what unit. */
const cases = {
  single: {
    title: 'one empty call at a time, µs',
    inFlight: 1,
    measure: async (pool) => 1e6 / (await rate(pool, 0, few(1000), 1)),
  },
  flight: {
    title: '64 empty calls in flight, 1000/s',
    measure: async (pool) => (await rate(pool, 0, few(20_000), 64)) / 1000,
  },
  objects: {
    title: '64 objects of 1 KiB in flight, 1000/s',
    measure: async (pool) => (await rate(pool, record, few(10_000), 64)) / 1000,
  },
  buffers: {
    title: '1 MiB there and back, ms',
    measure: async (pool) => 1000 / (await rate(pool, Buffer.alloc(2 ** 20, 1), few(40), 1)),
  },
  stream: { title: 'a stream of 10,000 items, ms', measure: stream },
};

async function stream(pool) {
  if (pool.items === undefined) return undefined;
  const start = performance.now();
  let count = 0;
  for await (const _ of pool.items(few(10_000))) count += 1;
  if (count !== few(10_000)) throw new Error(`${count} items`);
  return performance.now() - start;
}

for (const [name, { title, measure }] of Object.entries(cases)) {
  if (options.only !== undefined && options.only !== name) continue;
  const pools = {};
  for (const [one, start] of Object.entries(contestants)) pools[one] = await start(SIZE, 64);
  const figures = Object.fromEntries(Object.keys(pools).map((one) => [one, []]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [one, pool] of Object.entries(pools)) {
      const figure = await measure(pool);
      // The first round warms up.
      if (round > 0 && figure !== undefined) figures[one].push(figure);
    }
  }
  for (const pool of Object.values(pools)) await pool.close();
  print(title, figures);
}

if (options.only === undefined || options.only === 'start') {
  const figures = Object.fromEntries(Object.keys(contestants).map((one) => [one, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [one, start] of Object.entries(contestants)) {
      const begin = performance.now();
      const pool = await start(4, 4);
      figures[one].push(performance.now() - begin);
      await pool.close();
    }
  }
  print('start of a pool of 4, ms', figures);
}

function print(title, figures) {
  console.log(`\n${title}`);
  for (const [one, values] of Object.entries(figures)) {
    if (values.length > 0) console.log(`  ${one.padEnd(26)} ${median(values).toPrecision(4)}`);
  }
}
process.exit();
