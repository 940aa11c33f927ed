import assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { commandLine, runtimes } from '../runtimes/index.mjs';
import { addon } from './native.mjs';

const require = createRequire(import.meta.url);
const JS = join(import.meta.dirname, '../../js');
const folder = mkdtempSync(join(tmpdir(), 'crossfork-'));
after(() => rmSync(folder, { recursive: true }));

/** A copy of the package's JavaScript, with nothing that was built, in a node_modules of its own. */
function unbuilt(name) {
  const root = join(folder, name, 'node_modules', 'crossfork');
  cpSync(JS, join(root, 'js'), { recursive: true });
  return root;
}

const load = (root, program = '') =>
  spawnSync(process.execPath, ['-e', `const crossfork = require('./js/index.cjs'); ${program}`], {
    cwd: root,
    encoding: 'utf8',
  });

for (const runtime of runtimes) {
  test(`load: ${runtime.name}, with require and with import, one and the same`, () => {
    const program = join(folder, `${runtime.name}.mjs`);
    writeFileSync(
      program,
      `import * as imported from ${JSON.stringify(join(JS, 'index.mjs'))};
       import { createRequire } from 'node:module';
       const required = createRequire(import.meta.url)(${JSON.stringify(join(JS, 'index.cjs'))});
       const same = Object.keys(required).every((name) => imported[name] === required[name]);
       console.log(same, Object.keys(imported).sort().join() === Object.keys(required).sort().join());
       console.log(imported.describeFd(imported.memfd('x')).kind);`,
    );
    const { stdout, stderr } = spawnSync(runtime.bin, commandLine(runtime, program), { encoding: 'utf8' });
    assert.deepStrictEqual({ stdout, stderr }, { stdout: 'true true\nmemfd\n', stderr: '' });
  });
}

test('load: where nothing fits, all places that were tried, and the command that builds', () => {
  const root = unbuilt('missing');
  const { status, stderr } = load(root);
  assert.notStrictEqual(status, 0);
  const [first] = /Cannot find crossfork's addon for .*/.exec(stderr);
  assert.match(first, new RegExp(`${process.platform} ${process.arch}. Tried:`));
  const name = basename(dirname(addon));
  for (const line of [
    `  - ${join(root, 'native', name)}: not there`,
    `  - the package crossfork-${name}: not there`,
    `  node "${join(root, 'js', 'build.cjs')}"`,
    'cargo (https://rustup.rs)',
    "code: 'ERR_CROSSFORK_NOT_BUILT'",
  ]) {
    assert.ok(stderr.includes(line), `${line}\nis not in\n${stderr}`);
  }
});

test('load: a file that does not fit is told with the reason', () => {
  const root = unbuilt('broken');
  const place = join(root, 'native', basename(dirname(addon)));
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'crossfork.node'), 'not a library');
  assert.match(load(root).stderr, /crossfork\.node: .*(too short|invalid ELF header)/);
});

test('load: the package for the platform, when that is installed beside', () => {
  const root = unbuilt('beside');
  const name = `crossfork-${basename(dirname(addon))}`;
  const place = join(root, '..', name);
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'package.json'), JSON.stringify({ name }));
  for (const file of ['crossfork', 'crossfork.node']) symlinkSync(join(dirname(addon), file), join(place, file));
  const { stdout, stderr } = load(root, 'console.log(crossfork.crossforkPath())');
  assert.deepStrictEqual([stdout.endsWith(`${name}/crossfork\n`), stderr], [true, '']);
});

test('crossforkPath: where there is no command, all places that were tried', () => {
  const root = unbuilt('no-command');
  const place = join(root, 'native', basename(dirname(addon)));
  mkdirSync(place, { recursive: true });
  symlinkSync(addon, join(place, 'crossfork.node'));
  const { stderr } = load(root, 'crossfork.crossforkPath()');
  assert.match(stderr, /Cannot find crossfork's command for .* Tried:/);
  assert.ok(stderr.includes(`${join(place, 'crossfork')}: not there`));
});

test('npx crossfork: the command, with its streams and its exit code', () => {
  const cli = require.resolve('../../js/cli.cjs');
  const run = (...args) => spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8' });
  assert.match(run('--help').stdout, /worker/);
  assert.strictEqual(run('--help').status, 0);
  const wrong = run('no-such-subcommand');
  assert.strictEqual(wrong.status, 2);
  assert.match(wrong.stderr, /no-such-subcommand/);
});
