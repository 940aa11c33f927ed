// `npm run bench:fd`: descriptors and data through FdSocket, beside what else there is. Medians of five runs.
//
//   --only NAME   one of descriptors, packets, streams, memory
//   --record      writes the medians to docs/figures.json, which the documents show
//   --quick       a tenth of everything, once, without the packages that must be compiled first

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { caseName, median } from '../figures.mjs';
import { record } from '../record.mjs';
import { installOthers } from './others.mjs';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    record: { type: 'boolean', default: false },
  },
});
const { quick } = options;
const RUNS = quick ? 1 : 5;
const DEADLINE_MS = 60_000;
/** What was compared: the contestants, and their medians or why they have none. */
const measured = {};
const few = (count) => (quick ? Math.ceil(count / 500) * 50 : count);

createRequire(import.meta.url)('../../../js/build.cjs').buildNative();
const others = quick ? { folders: {}, remove() {} } : installOthers();

/** A figure, or a word for why there is none. Each has a process group of its own, which ends with it. */
async function contest(args) {
  const script = join(import.meta.dirname, 'contest.mjs');
  const child = spawn(process.execPath, [script, ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  let output = '';
  child.stdout.on('data', (text) => {
    output += text;
  });
  let hung = false;
  const deadline = setTimeout(() => {
    hung = true;
    endGroup(child);
  }, DEADLINE_MS);
  const [code, signal] = await once(child, 'exit');
  clearTimeout(deadline);
  endGroup(child);
  if (hung) return 'hung';
  return code === 0 ? Number(output) : `ended with ${signal ?? code}`;
}

/** With the peer, if that is still there. */
function endGroup({ pid }) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/**
 * What `title` says of each: ours first. In turn, so that whatever disturbs the machine disturbs all; who fails once is
 * out.
 */
async function compare(title, contestants) {
  const present = Object.entries(contestants).filter(([, args]) => args !== undefined);
  const results = new Map(present.map(([name]) => [name, []]));
  for (let run = 0; run < RUNS; run++) {
    for (const [name, args] of present) {
      const all = results.get(name);
      if (typeof all.at(-1) !== 'string') all.push(await contest(args));
    }
  }
  const figures = [...results].map(([name, all]) => [name, typeof all.at(-1) === 'string' ? all.at(-1) : median(all)]);
  const [[, ours]] = figures;
  measured[title] = Object.fromEntries(figures);
  console.log(`\n${title}`);
  for (const [name, figure] of figures) {
    const isFigure = typeof figure === 'number';
    const shown = isFigure ? whole(figure) : figure;
    const all = results.get(name);
    const more =
      isFigure && `${(ours / figure).toFixed(2)}   (${whole(Math.min(...all))} to ${whole(Math.max(...all))})`;
    console.log(`  ${name.padEnd(32)} ${shown.padStart(12)}   ${more || ''}`);
  }
}

const whole = (figure) => Math.round(figure).toLocaleString('en');

/** The arguments of a contest with a package, if that could be built. */
const withPackage = (name, ...args) => others.folders[name] && [name, ...args, others.folders[name]];

const comparisons = {
  descriptors: () =>
    compare('descriptors a second, one a message, to another process', {
      'FdSocket.send': ['fd-socket', few(20_000)],
      'child.send': ['fork', few(5000)],
      usocket: withPackage('usocket', few(5000)),
    }),
  packets: async () => {
    for (const size of [64, 1024]) {
      await compare(`messages of ${caseName(size)} with borders a second (unix-dgram cannot pass descriptors)`, {
        'FdSocket, seqpacket': ['packets-fd-socket', few(100_000), size],
        'unix-dgram': withPackage('unix-dgram', few(50_000), size),
      });
    }
  },
  streams: async () => {
    for (const [size, count] of [
      [64, 100_000],
      [1024, 100_000],
      [16384, 16_384],
      [65536, 8192],
      [1048576, 1024],
    ]) {
      await compare(`messages of ${caseName(size)} a second over a stream`, {
        FdSocket: ['data-fd-socket', few(count), size],
        'net.Socket': ['data-net', few(count), size],
      });
    }
  },
  memory: () =>
    compare('mappings of memory a second', {
      'mapFd, 100 MiB': ['map', 100 * 1024 * 1024],
      'mapFd, 1 MiB': ['map', 1024 * 1024],
      'a copy of 1 MiB': ['copy', 1024 * 1024],
      'a copy of 100 MiB': ['copy', 100 * 1024 * 1024],
    }),
};

try {
  console.log(
    `Node ${process.version}, medians of ${RUNS} runs in turn; behind each, how many times that ours is, and the runs' least and most`,
  );
  const chosen = options.only === undefined ? Object.values(comparisons) : [comparisons[options.only]];
  if (chosen.includes(undefined)) throw new Error(`--only must be one of ${Object.keys(comparisons).join(', ')}`);
  for (const comparison of chosen) await comparison();
  if (options.record) record('fd', { node: process.version, runs: RUNS }, measured);
} finally {
  others.remove();
}
