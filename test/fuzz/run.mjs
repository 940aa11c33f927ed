// `npm run fuzz -- [--seconds N] [TARGET...]`: fuzzes each target (all, if none is named) for N seconds (60). New inputs
// go to test/fuzz/artifacts/, and leave the small corpus in the repository as it is. Needs cargo-fuzz.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const ROOT = join(import.meta.dirname, '../..');

const TARGETS = {
  calls: ['-dict=test/fuzz/calls.dict'],
  decode: ['-dict=test/fuzz/decode.dict'],
  pair: [],
  cluster_primary: ['-rss_limit_mb=1024'],
  cluster_worker: ['-rss_limit_mb=1024'],
  control: ['-max_len=512'],
  texts: ['-max_len=512'],
  v8_decode: ['-dict=test/fuzz/v8_decode.dict', '-timeout=10', '-rss_limit_mb=1024'],
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '60' }, sanitizer: { type: 'string', default: 'address' } },
});

for (const name of positionals.length > 0 ? positionals : Object.keys(TARGETS)) {
  if (!TARGETS[name]) {
    console.error(`There is no target ${name}, only ${Object.keys(TARGETS).join(', ')}.`);
    process.exit(2);
  }
  const fresh = `test/fuzz/artifacts/new-${name}`;
  mkdirSync(join(ROOT, fresh), { recursive: true });
  const folders = [fresh, `test/fuzz/corpus/${name}`];
  const cargo = ['fuzz', 'run', '--fuzz-dir', 'test/fuzz', '--sanitizer', values.sanitizer, name, ...folders];
  const fuzzer = ['-max_len=2048', `-max_total_time=${values.seconds}`, ...TARGETS[name]];
  console.log(`\n=== ${name}, ${values.seconds} s`);
  const { status, error } = spawnSync('cargo', [...cargo, '--', ...fuzzer], {
    cwd: ROOT,
    stdio: 'inherit',
    // A stable compiler that may do what only a nightly one does.
    env: { RUSTC_BOOTSTRAP: '1', ...process.env },
  });
  if (status !== 0) {
    console.error(`${name}: ${error?.message ?? `it ended with ${status}`}`);
    process.exit(1);
  }
}
