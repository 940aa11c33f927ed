// `--record` of each benchmark: writes its figures to docs/figures.json. The documents show these and no others:
// `npm run docs:write` puts them there, and a test fails where they differ.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';

const FILE = join(import.meta.dirname, '../../docs/figures.json');

/**
 * @param {'ipc' | 'fd' | 'cluster' | 'calls' | 'run'} bench
 * @param {{ node: string, runs: number }} how
 * @param {Record<string, Record<string, number>>} figures what was measured: contestants and their medians. What was not
 *   measured this time stays as it was.
 */
export function record(bench, how, figures) {
  const all = existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : {};
  const [load] = loadavg();
  all[bench] = {
    date: new Date().toISOString().slice(0, 10),
    ...how,
    processors: `${cpus().length} x ${cpus()[0].model.trim()}`,
    load: Number(load.toFixed(1)),
    figures: merged(all[bench]?.figures, rounded(figures)),
  };
  writeFileSync(FILE, `${JSON.stringify(all, null, 2)}\n`);
  console.log('\nRecorded in docs/figures.json: `npm run docs:write` brings the documents up to date.');
}

function merged(old = {}, fresh) {
  const titles = Object.entries(fresh).map(([title, own]) => [title, { ...old[title], ...own }]);
  return { ...old, ...Object.fromEntries(titles) };
}

/** Four digits: more say nothing, and make each recording a large change. */
function rounded(figures) {
  const digits = (_, value) => (typeof value === 'number' ? Number(value.toPrecision(4)) : value);
  return JSON.parse(JSON.stringify(figures, digits));
}
