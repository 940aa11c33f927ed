// `npm test` itself: how it reports a wrong command line, and which steps it runs.
import assert from 'node:assert';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { scratch } from '../scratch.mjs';

const TEST = join(import.meta.dirname, '..');

for (const [args, env, expected] of [
  [['nothing'], {}, /^There is no step nothing\. The steps are: build, .*npm test -- --list/],
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

test('run: steps of two lanes run beside each other, and their lines have their names', async (t) => {
  // Each waits for a file of the other.
  const meets = (own, other) =>
    `const { existsSync, writeFileSync } = require('node:fs');
    writeFileSync(process.env.TMPDIR + '/../${own}', '');
    const met = () => existsSync(process.env.TMPDIR + '/../${other}');
    const timer = setInterval(() => met() && (console.log('both'), clearInterval(timer)), 5);`;
  const steps = [step('a', meets('one', 'two'), [], 'rust'), step('b', meets('two', 'one'))];
  const { code, summary, text } = await run(t, steps);
  assert.deepStrictEqual([code, summary], [0, ['passed a', 'passed b']]);
  for (const name of ['a', 'b']) assert.match(text, new RegExp(`^${name} +both$`, 'm'));
});

test('run: a step waits for those of the other lane that it needs', async (t) => {
  const steps = [
    step('a', "setTimeout(() => console.log('first'), 200)", [], 'rust'),
    step('b', "console.log('then')", ['a']),
  ];
  const { code, text } = await run(t, steps);
  assert.strictEqual(code, 0);
  assert.match(text, /^a +first\n[\s\S]*^b +then$/m);
  const failing = [step('c', 'process.exitCode = 3', [], 'rust'), passes('d', ['c'])];
  assert.deepStrictEqual((await run(t, failing, { keepGoing: true })).summary, ['FAILED c', 'NOT d']);
});

test('run: after a step that fails, what runs beside it goes on to its end, and nothing else begins', async (t) => {
  const steps = [
    step('a', 'process.exitCode = 3', [], 'rust'),
    step('b', '', [], 'rust'),
    step('c', "setTimeout(() => console.log('done'), 500)"),
    step('d', ''),
  ];
  const { code, summary } = await run(t, steps);
  assert.deepStrictEqual([code, summary], [1, ['FAILED a', 'passed c']]);
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  test(`run: ${signal} ends the step, and no other step starts`, async (t) => {
    const waits = step('a', "console.log('it waits'); setInterval(() => {}, 1000)");
    const { code, summary, text } = await run(t, [waits, passes('b')], { keepGoing: true, signal });
    assert.deepStrictEqual([code, summary], [1, ['FAILED a']]);
    assert.match(text, /a: it was interrupted/);
  });
}

function step(name, program, needs, lane = 'js') {
  return { name, title: 'a step', lane, command: [process.execPath, '--eval', program], needs };
}

const passes = (name, needs) => step(name, '', needs);
const fails = (name) => step(name, 'process.exitCode = 3');

/** Runs steps in a separate process. If `signal` is given, sends it as soon as a step prints that it waits. */
async function run(t, steps, { keepGoing = false, signal } = {}) {
  const folder = scratch(t);
  const how = { folder, tier: 'quick', keepGoing };
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
  assert.deepStrictEqual(readdirSync(join(folder, 'js')), []);
  const lines = text.split('=== summary')[1].split('\n');
  const summary = lines.map((line) => /^(passed|FAILED|NOT) .* (\w+): /.exec(line)?.slice(1).join(' ')).filter(Boolean);
  return { code, summary, text };
}

test('run: a Rust test that fails is reported with its message, without the backtrace', (t) => {
  const folder = scratch(t);
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
