// `npm test`: everything that a change must pass, step by step, up to the first that fails.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');

// Every step must leave the temporary directory as it was. npm would keep a cache there.
const temporary = mkdtempSync(join(tmpdir(), 'crossfork-test-'));
const failures = join(temporary, 'failures');

const cargo = (...args) => ['cargo', ...args];
const reporter = (name, destination) => [`--test-reporter=${name}`, `--test-reporter-destination=${destination}`];
const REPORTERS = [...reporter('spec', 'stdout'), ...reporter('./test/failures.mjs', failures)];
const nodeTest = (...files) => ['node', '--test', ...REPORTERS, ...files];
const testsIn = (folder) =>
  readdirSync(join(ROOT, folder))
    .filter((file) => file.endsWith('.test.mjs'))
    .map((file) => join(folder, file));

const STEPS = [
  [
    'development tools',
    ['biome', 'tsc', 'attw', 'pnpm'].every((name) => existsSync(join(ROOT, 'node_modules/.bin', name)))
      ? null
      : ['npm', 'ci'],
  ],
  ['runtimes', ['node', 'test/runtimes/index.mjs']],
  ['Rust formatting', cargo('fmt', '--all', '--check')],
  ['JavaScript formatting and lints', ['node_modules/.bin/biome', 'check', '--error-on-warnings', '.']],
  ['Rust lints', cargo('clippy', '--all-targets', '--all-features', '--', '-D', 'warnings')],
  ['Rust lints, no features', cargo('clippy', '--', '-D', 'warnings')],
  ['Rust lints, the addon', cargo('clippy', '--package', 'crossfork-addon', '--', '-D', 'warnings')],
  ['Rust documentation', cargo('doc', '--no-deps', '--all-features'), { RUSTDOCFLAGS: '-D warnings' }],
  ['Rust tests', cargo('test', '--all-features')],
  ['Rust tests, no features', cargo('test', '--lib')],
  ['addon and command', ['node', 'js/build.cjs']],
  // One file at a time, for many of them start processes that measure their descriptors or wait for others.
  ['JavaScript tests', nodeTest('--test-concurrency=1', ...testsIn('test/node'))],
  // One file at a time: they share the processors with the processes that they start.
  ['interop', nodeTest('--test-concurrency=1', ...testsIn('test/interop'))],
  ['npm start -- --once', ['npm', 'start', '--', '--once'], { PORT: '0' }],
];

const ENV = { ...process.env, TMPDIR: temporary, NODE_DISABLE_COMPILE_CACHE: '1' };
// Ctrl-C ends the step, which then has failed; it must not end us before we have cleaned up.
process.on('SIGINT', () => {});

const done = [];
let failed = '';
for (const [name, command, env] of STEPS) {
  if (!command) continue;
  console.log(`\n=== ${name}: ${command.join(' ')}`);
  const start = performance.now();
  const [file, ...args] = command;
  const { status, signal, error } = spawnSync(file, args, {
    cwd: ROOT,
    env: { ...ENV, ...env },
    stdio: 'inherit',
  });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  if (existsSync(failures)) {
    failed = readFileSync(failures, 'utf8');
    rmSync(failures);
  }
  const left = readdirSync(temporary);
  const passed = status === 0 && left.length === 0;
  done.push(`${passed ? 'passed' : 'FAILED'}  ${seconds.padStart(6)} s  ${name}`);
  if (!passed) {
    const end = error?.code === 'ENOENT' ? `${file} is not on the PATH` : (signal ?? `exit code ${status}`);
    console.error(`\n${name}: ${status === 0 ? `it has left ${left.join(', ')} in the temporary directory` : end}`);
    process.exitCode = 1;
    break;
  }
}
rmSync(temporary, { recursive: true });
console.log(`\n=== summary\n${done.join('\n')}`);
// Once more, behind everything: of a long log often only the end is kept.
if (failed) console.log(`\n${failed}`);
