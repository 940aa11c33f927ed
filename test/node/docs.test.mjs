// Runs the commands and programs of the documents as printed. Rust programs are examples, which are built already, or
// documentation tests.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { blocks, commands } from '../../docs/tools/markdown.mjs';
import { documents, ROOT, read } from '../../docs/tools/write.mjs';
import { artifact } from '../artifacts.mjs';
import { freePort } from '../http.mjs';
import { Program } from '../program.mjs';

const DEADLINE = { timeout: 120_000 };
const packageJson = JSON.parse(read('package.json'));
const built = { CROSSFORK_EXAMPLES: dirname(artifact('sum')), CROSSFORK_BIN: artifact('crossfork') };

function run(command, args, { env, ...options } = {}) {
  const result = spawnSync(command, args, {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 8 * 60_000,
    env: { ...process.env, ...built, PORT: '0', ...env },
    ...options,
  });
  const output = `${result.stdout}\n${result.stderr}`;
  assert.equal(result.status, 0, `${command} ${args.join(' ')} failed:\n${output.slice(-4000)}`);
  return result.stdout;
}

// `npm test` runs this file itself.
const notHere = new Set(['npm test', 'npm run test:full']);

/** Measures one item of a benchmark, which is enough to know that the command works. */
const ONE_ITEM = {
  'npm run bench -- --quick': '--only start --debug',
  'npm run bench:fd -- --quick': '--only memory',
};

/** Where each command is printed. */
const printed = new Map();
for (const file of documents()) {
  for (const command of commands(read(file))) printed.set(command, [...(printed.get(command) ?? []), file]);
}
// The commands in the tables of examples, except those that only a person can end.
for (const [, command] of read('examples/README.md').matchAll(/^\| \d+ \| `(.*?)` \|/gm)) {
  if (!printed.has(command)) printed.set(command, ['examples/README.md']);
}

for (const [command, files] of printed) {
  test(`${files.join(', ')}: ${command}`, { skip: notHere.has(command) && 'it runs this test' }, () => {
    const script = /^npm (?:run )?([a-z:]+)/.exec(command)?.[1];
    if (script) assert.ok(packageJson.scripts[script], `package.json has the script ${script}`);
    const [program, args] = example(command) ?? ['sh', ['-c', [command, ONE_ITEM[command]].filter(Boolean).join(' ')]];
    run(program, args);
  });
}

/** Replaces `cargo run --example ...` by the built program, and `cargo build` by `true`, after checking the command. */
function example(command) {
  const [, verb, name, features, args] =
    /^cargo (run|build) --example (\S+)(?: --features (\S+))?(?: -- (.*))?$/.exec(command) ?? [];
  if (!verb) return undefined;
  const target = new RegExp(`name = "${name}"\\npath = .*\\n(?:required-features = \\["(.*)"\\])?`).exec(
    read('Cargo.toml'),
  );
  assert.ok(target, `${name} is an example of Cargo.toml`);
  assert.equal(features, target[1]?.replaceAll('", "', ','), `the features that ${name} needs`);
  return verb === 'build' ? [artifact(name) && 'true', []] : [artifact(name), args?.split(' ') ?? []];
}

/** A user's project, with the package and with built Rust programs. */
const project = mkdtempSync(join(tmpdir(), 'crossfork-'));
after(() => rmSync(project, { recursive: true }));
for (const folder of ['node_modules/.bin', 'target/release']) mkdirSync(join(project, folder), { recursive: true });
symlinkSync(ROOT, join(project, 'node_modules/crossfork'));
symlinkSync(join(ROOT, 'js/cli.cjs'), join(project, 'node_modules/.bin/crossfork'));
for (const name of ['echo_worker', 'primes_service', 'requests', 'sum'])
  symlinkSync(artifact(name), join(project, 'target/release', name));
symlinkSync(artifact('cluster_threads'), join(project, 'target/release/hello'));
symlinkSync(artifact('cluster_worker'), join(project, 'target/release/web'));

/** Gives a program a unique abstract socket name and a free port. */
const unique = (program, port) => program.replaceAll('\\0readme', `\\0${randomUUID()}`).replaceAll('8000', port);

for (const file of documents()) {
  const programs = blocks(read(file)).filter(
    ({ language, file, text }) => language === 'js' && (!file || isForUsers(text)) && !isServer(text),
  );
  for (const [i, { text }] of programs.entries()) {
    test(`${file}: JavaScript program ${i + 1} prints what its comments say`, async () => {
      const expected = [...text.matchAll(/console\.log\(.*?\)\)?; \/\/ (.*)/g)].map(([, words]) => words);
      assert.notEqual(expected.length, 0);
      writeFileSync(join(project, 'program.js'), unique(text, await freePort()));
      const said = run(process.execPath, ['program.js'], { cwd: project });
      assert.equal(said.trim(), expected.join('\n'));
    });
  }
}

/** Whether an example is printed as it is in a user's project, and not as it is in this repository. */
function isForUsers(text) {
  return text.includes('/target/release/');
}

function isServer(text) {
  return text.startsWith('// server.js');
}

for (const file of ['README.md', 'docs/run.md']) {
  test(`${file}: \`crossfork run server.js\` serves, reloads on SIGHUP, and stops on SIGTERM`, DEADLINE, async (t) => {
    const { text } = blocks(read(file)).find(({ text }) => text.includes('createServer('));
    const port = await freePort();
    writeFileSync(join(project, 'server.js'), unique(text, port));
    const server = spawn('node_modules/.bin/crossfork', ['run', 'server.js'], {
      cwd: project,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const run = new Program(server);
    t.after(() => run.kill('SIGKILL'));
    const serves = async () => assert.match(await (await fetch(`http://127.0.0.1:${port}/`)).text(), /^hello/);
    await run.said(/listens|listening/);
    await serves();
    run.kill('SIGHUP');
    await run.said(/reloaded/);
    await serves();
    run.kill('SIGTERM');
    assert.equal(await run.end(), 0, run.text);
  });
}

test('the protocol page explains every rule that the code and its tests cite', () => {
  const cited = new Set();
  const listing = run('git', ['ls-files', '--cached', '--others', '--exclude-standard', 'src', 'test', 'examples']);
  for (const file of listing.split('\n').filter((name) => /\.(rs|cjs|mjs|js)$/.test(name))) {
    if (!existsSync(join(ROOT, file))) continue; // removed but not staged
    const text = readFileSync(join(ROOT, file), 'utf8');
    for (const [, family, number] of text.matchAll(/\b(CH|SER|ADV|INT|HND|SOCK|LIFE|CLU|NEVER)-(\d+)\b/g)) {
      cited.add(`${family}-${number}`);
    }
  }
  const explained = read('src/protocol.md');
  const missing = [...cited].filter((rule) => !explained.includes(`<a id="${rule}"`));
  assert.deepEqual(missing, []);
});
