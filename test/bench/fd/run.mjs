// `npm run bench:fd`: descriptors and data through FdSocket, beside what else there is. Medians of five runs.
//
//   --quick    a tenth of everything, once

import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { median, sizeName } from '../figures.mjs';

createRequire(import.meta.url)('../../../js/build.cjs').buildNative();

const quick = process.argv.includes('--quick');
const RUNS = quick ? 1 : 5;
const few = (count) => (quick ? Math.ceil(count / 10) : count);

const contest = (...args) => {
  const script = join(import.meta.dirname, 'contest.mjs');
  return Number(execFileSync(process.execPath, [script, ...args.map(String)], { encoding: 'utf8', timeout: 60_000 }));
};

/** Both in turn, so that whatever disturbs the machine disturbs both. */
function compare(title, unit, ours, theirs) {
  const runs = [[], []];
  for (let i = 0; i < RUNS; i++) {
    runs[0].push(contest(...ours));
    runs[1].push(contest(...theirs));
  }
  const [a, b] = runs.map(median);
  const show = (figure) => Math.round(figure).toLocaleString('en').padStart(10);
  console.log(`${title.padEnd(48)} ${show(a)} ${show(b)} ${unit}   ${(a / b).toFixed(2)}`);
}

console.log(`Node ${process.version}, medians of ${RUNS} runs: crossfork, the other, their ratio`);
compare('handles: FdSocket, child.send', 'a second', ['fd-socket', few(20_000)], ['fork', few(5000)]);
for (const [size, count] of [
  [64, 100_000],
  [1024, 100_000],
  [16384, 16_384],
  [65536, 8192],
  [1048576, 512],
]) {
  const title = `messages of ${sizeName(size)}: FdSocket, net.Socket`;
  compare(title, 'a second', ['data-fd-socket', size, few(count)], ['data-net', size, few(count)]);
}
for (const bytes of [1024 * 1024, 100 * 1024 * 1024]) {
  compare(`${sizeName(bytes)} of memory: mapFd, a copy`, 'a second', ['map', bytes], ['copy', bytes]);
}
