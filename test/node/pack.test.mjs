// The package as it is published: what is in it, and that it works where there is no Rust.
import assert from 'node:assert';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, test } from 'node:test';
import { commandLine, runtimes } from '../runtimes/index.mjs';
import { addon } from './native.mjs';

const ROOT = join(import.meta.dirname, '../..');
const manifest = createRequire(import.meta.url)('../../package.json');
const folder = mkdtempSync(join(tmpdir(), 'crossfork-'));
after(() => rmSync(folder, { recursive: true }));

// What `prepack` would build is built already.
const [packed] = JSON.parse(
  execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }),
);
const tarball = join(folder, packed.filename);
const files = packed.files.map(({ path }) => path);
const withoutRust = process.env.PATH.split(delimiter).filter((one) => !existsSync(join(one, 'cargo')));
const env = { ...process.env, PATH: withoutRust.join(delimiter), npm_config_offline: 'true' };

const bin = (name) => join(ROOT, 'node_modules/.bin', name);
const bun = runtimes.find(({ kind }) => kind === 'bun')?.bin;

test('pack: what is needed at run time, what is needed to build, and nothing else', () => {
  const native = files.filter((file) => file.startsWith('native/'));
  assert.strictEqual(native.length, 2, native.join());
  assert.match(native.join(), /^native\/[\w-]+\/crossfork,native\/[\w-]+\/crossfork\.node$/);
  const js = readdirSync(join(ROOT, 'js')).map((file) => `js/${file}`);
  for (const file of [...js, 'src/lib.rs', 'src/addon/Cargo.toml', 'build.rs', 'Cargo.toml', 'Cargo.lock']) {
    assert.ok(files.includes(file), file);
  }
  const allowed =
    /^(js|native|src)\/|^(build\.rs|Cargo\.(toml|lock)|package\.json|(README|CHANGELOG)\.md|LICENSE-\w+)$/;
  assert.deepStrictEqual(
    files.filter((file) => !allowed.test(file)),
    [],
  );
});

// A symbol that a runtime lacks is found out when it is called, so that loading alone would not tell.
test('pack: the addon knows Node-API up to version 8, and nothing of V8', () => {
  const text = readFileSync(addon, 'latin1');
  assert.ok(text.includes('napi_type_tag_object'), 'names of version 8 can be found');
  // From version 9 on all names begin so.
  assert.deepStrictEqual(text.match(/node_api_\w+|_ZN2v8\w+|_ZN4node\w+/g), null);
});

test('pack: it is small', () => {
  assert.ok(statSync(tarball).size < 3 * 1024 * 1024, `${statSync(tarball).size} bytes`);
  assert.ok(packed.unpackedSize < 6 * 1024 * 1024, `${packed.unpackedSize} bytes unpacked`);
});

test('pack: the command stays executable', () => {
  for (const name of ['crossfork', 'cli.cjs']) {
    const file = packed.files.find(({ path }) => path.endsWith(`/${name}`));
    assert.strictEqual(file.mode & 0o111, 0o111, name);
  }
});

test('pack: the packages for platforms are of the same version', () => {
  for (const name of readdirSync(join(ROOT, 'npm'))) {
    const own = JSON.parse(readFileSync(join(ROOT, 'npm', name, 'package.json'), 'utf8'));
    assert.deepStrictEqual(
      [own.name, own.version, own.license],
      [`crossfork-${name}`, manifest.version, manifest.license],
    );
  }
});

const INSTALLERS = {
  npm: ['npm', 'install', '--no-audit', '--no-fund', tarball],
  pnpm: [bin('pnpm'), 'add', '--offline', '--store-dir', join(folder, 'store'), tarball],
  bun: bun && [bun, 'add', tarball],
};

const PROGRAM = `
  const { crossforkPath, fork, fdOf } = require('crossfork');
  const child = fork(crossforkPath(), ['worker']);
  child.on('message', (message) => {
    console.log(message, fdOf(0));
    child.disconnect();
  });
  child.send('it works');`;

const MODULE = `
  import { createRequire } from 'node:module';
  import { FdSocket, closeFd, describeFd, socketpair } from 'crossfork';
  const [a, b] = socketpair().map((fd) => new FdSocket(fd));
  b.on('data', (data, fds) => {
    console.log(String(data), describeFd(fds.take()).kind);
    b.close();
  });
  a.end('it works', createRequire(import.meta.url)('node:fs').openSync('/', 'r'));`;

for (const [name, command] of Object.entries(INSTALLERS)) {
  test(`pack: installed by ${name} where there is no Rust, it works`, { skip: !command && 'not here' }, () => {
    const project = join(folder, name);
    mkdirSync(project);
    writeFileSync(join(project, 'package.json'), '{ "name": "empty", "private": true }');
    const [file, ...args] = command;
    const installed = spawnSync(file, args, { cwd: project, env, encoding: 'utf8' });
    assert.strictEqual(installed.status, 0, installed.stdout + installed.stderr);
    assert.doesNotMatch(installed.stdout + installed.stderr, /blocked|ignored build|warn.*script/i);
    const run = (...args) => spawnSync(...args, { cwd: project, env, encoding: 'utf8' });
    assert.notStrictEqual(run('cargo', ['--version']).status, 0, 'there is Rust');
    const program = run(process.execPath, ['-e', PROGRAM]);
    assert.deepStrictEqual([program.stdout, program.stderr], ['it works 0\n', '']);
    const module = join(project, 'module.mjs');
    writeFileSync(module, MODULE);
    for (const runtime of runtimes) {
      const { stdout, stderr } = run(runtime.bin, commandLine(runtime, module));
      assert.deepStrictEqual([runtime.name, stdout, stderr], [runtime.name, 'it works directory\n', '']);
    }
    const help = run(join(project, 'node_modules/.bin/crossfork'), ['--help']);
    assert.match(help.stdout, /worker/);
  });
}

test('pack: cargo finds its way in it', () => {
  execFileSync('tar', ['-xzf', tarball, '-C', folder]);
  const sources = join(folder, 'package');
  const { status, stdout, stderr } = spawnSync('cargo', ['metadata', '--no-deps', '--format-version=1'], {
    cwd: sources,
    encoding: 'utf8',
    maxBuffer: Infinity,
  });
  assert.strictEqual(status, 0, stderr);
  const names = JSON.parse(stdout).packages.map(({ name }) => name);
  assert.deepStrictEqual(names.sort(), ['crossfork', 'crossfork-addon']);
});

test('pack: publint and arethetypeswrong find nothing', () => {
  for (const [file, args] of [
    [bin('publint'), ['--strict', tarball]],
    [bin('attw'), [tarball]],
  ]) {
    const { status, stdout, stderr } = spawnSync(file, args, { cwd: ROOT, encoding: 'utf8' });
    assert.strictEqual(status, 0, stdout + stderr);
  }
});
