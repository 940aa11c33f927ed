// `cargo test`, shown as it runs. What has failed is also written to a file, for the end of the whole run:
//
//   node test/rust.mjs FILE ARGUMENT…
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const MOST_LINES = 12;
const MOST_COLUMNS = 300;
const IS_BACKTRACE = /^ +(\d+: |at )|^stack backtrace:$|^note: /;

const [report, ...args] = process.argv.slice(2);
// Property tests try fewer cases in the quick tier, unless the developer says how many.
const cases = process.env.CROSSFORK_TIER === 'full' ? {} : { PROPTEST_CASES: '64' };
const cargo = spawn('cargo', ['test', ...args], {
  env: { ...cases, ...process.env },
  stdio: ['inherit', 'pipe', 'inherit'],
});
const ended = once(cargo, 'exit');
// A process that a test has left may keep the pipe open.
cargo.once('exit', () => setTimeout(() => cargo.stdout.destroy(), 2000).unref());
// Ctrl-C reaches cargo by itself.
process.on('SIGINT', () => {});
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => cargo.kill(signal));
const failures = [];
/** Lines of the failed test whose output is being read; undefined outside of one. */
let output;
for await (const line of createInterface({ input: cargo.stdout })) {
  console.log(line);
  const name = /^---- (.+) stdout ----$/.exec(line)?.[1];
  if (name !== undefined) {
    output = [];
    failures.push([name, output]);
  } else if (line === 'failures:') {
    output = undefined;
  } else if (output && line.trim() !== '' && !IS_BACKTRACE.test(line) && output.length < MOST_LINES) {
    output.push(`    ${line.slice(0, MOST_COLUMNS)}`);
  }
}
if (failures.length > 0)
  writeFileSync(report, failures.map(([name, lines]) => [name, ...lines, ''].join('\n')).join('\n'));
const [code] = await ended;
process.exitCode = code ?? 1;
