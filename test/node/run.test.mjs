// `npm test` itself: how it reports a wrong command line, and which steps it runs.
import assert from 'node:assert';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

const TEST = join(import.meta.dirname, '..');

for (const [args, env, expected] of [
  [['nothing'], {}, /^There is no step nothing\. The steps are: tools, .*npm test -- --list/],
  [['interop/nothing'], {}, /^There is no step interop\/nothing\./],
  [['--nothing'], {}, /^Unknown option '--nothing'/],
  [['tools'], { CROSSFORK_SHARD: '5/2' }, /^CROSSFORK_SHARD is 5\/2: it must be like 2\/5\.\n$/],
  [['tools'], { CROSSFORK_TIER: 'slow' }, /^CROSSFORK_TIER is slow: it must be quick or full\.\n$/],
]) {
  test(`run: ${[...Object.values(env), ...args].join(' ')} is a one-line error before any step runs`, () => {
    const how = { env: { ...process.env, ...env }, encoding: 'utf8' };
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(TEST, 'run.mjs'), ...args], how);
    assert.deepStrictEqual([status, stdout], [2, '']);
    assert.match(stderr, expected);
    assert.strictEqual(stderr.includes('    at '), false, stderr);
  });
}

test('run: no step runs after one that fails', async (t) => {
  const { code, summary } = await run(t, [fails('a'), passes('b')]);
  assert.deepStrictEqual([code, summary], [1, ['FAILED a']]);
});

test('run: with --keep-going all steps run except those that need a failed one', async (t) => {
  const steps = [fails('a'), passes('b', ['a']), passes('c', ['b']), passes('d')];
  const { code, summary } = await run(t, steps, { keepGoing: true });
  assert.deepStrictEqual([code, summary], [1, ['FAILED a', 'NOT b', 'NOT c', 'passed d']]);
});

test('run: a step that leaves files in the temporary directory fails, and the files are removed', async (t) => {
  const leaves = step('a', "require('node:fs').writeFileSync(require('node:path').join(process.env.TMPDIR, 'x'), '')");
  const { code, summary, text } = await run(t, [leaves, passes('b')], { keepGoing: true });
  assert.deepStrictEqual([code, summary], [1, ['FAILED a', 'passed b']]);
  assert.match(text, /a: it has left x in the temporary directory/);
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  test(`run: ${signal} ends the step, and no other step starts`, async (t) => {
    const waits = step('a', "console.log('it waits'); setInterval(() => {}, 1000)");
    const { code, summary, text } = await run(t, [waits, passes('b')], { keepGoing: true, signal });
    assert.deepStrictEqual([code, summary], [1, ['FAILED a']]);
    assert.match(text, /a: it was interrupted/);
  });
}

function step(name, program, needs) {
  return { name, title: 'a step', command: [process.execPath, '--eval', program], needs };
}

const passes = (name, needs) => step(name, '', needs);
const fails = (name) => step(name, 'process.exitCode = 3');

/** Runs steps in a separate process. If `signal` is given, sends it as soon as a step prints that it waits. */
async function run(t, steps, { keepGoing = false, signal } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'crossfork-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const how = { folder, failures: join(folder, 'failures'), tier: 'quick', keepGoing };
  const script = join(folder, 'script.mjs');
  const runner = pathToFileURL(join(TEST, 'run-steps.mjs'));
  writeFileSync(
    script,
    `import { runSteps } from '${runner}';
    process.exitCode = await runSteps(${JSON.stringify(steps)}, ${JSON.stringify(how)});`,
  );
  // In its own process group, because a terminal sends signals to the group.
  const child = spawn(process.execPath, [script], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const line of createInterface(child.stdout)) {
    text += `${line}\n`;
    if (line === 'it waits') process.kill(signal === 'SIGINT' ? -child.pid : child.pid, signal);
  }
  const [code] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode];
  assert.deepStrictEqual(existsSync(join(folder, 'tmp')) && readdirSync(join(folder, 'tmp')), []);
  const lines = text.split('=== summary')[1].split('\n');
  const summary = lines.map((line) => /^(passed|FAILED|NOT) .* (\w+): /.exec(line)?.slice(1).join(' ')).filter(Boolean);
  return { code, summary, text };
}

test('run: a Rust test that fails is reported with its message, without the backtrace', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'crossfork-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const report = join(folder, 'report');
  mkdirSync(join(folder, 'src'));
  writeFileSync(join(folder, 'Cargo.toml'), '[package]\nname = "failing"\nedition = "2021"\n[workspace]\n');
  writeFileSync(
    join(folder, 'src/lib.rs'),
    '#[test] fn two() { assert_eq!(1, 2, "one is two"); }\n#[test] fn one() {}\n',
  );
  const env = { ...process.env, RUST_BACKTRACE: '1', CARGO_TARGET_DIR: join(folder, 'target') };
  const how = { cwd: folder, env, encoding: 'utf8' };
  const { status, stdout } = spawnSync(process.execPath, [join(TEST, 'rust.mjs'), report, '--offline'], how);
  assert.strictEqual(status, 101);
  assert.match(stdout, /^test one \.\.\. ok$/m);
  const text = readFileSync(report, 'utf8');
  assert.match(text, /^two\n {4}thread 'two'.*\n.*one is two\n {6}left: 1\n {5}right: 2\n$/);
});
