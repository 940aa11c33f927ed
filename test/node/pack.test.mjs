// The packages: their contents, and that they work without Rust. `npm pack` includes the native files for this platform;
// the published packages have them in a separate package for each platform.
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
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { buildTraces, mismatches, newestGlibc, readElf } from '../../npm/elf.mjs';
import { mainManifest, PAGES, platformManifest, relativeLinks, withAbsoluteLinks } from '../../npm/manifests.mjs';
import { linked } from '../../npm/notices.mjs';
import { packMain, packPlatform } from '../../npm/pack.mjs';
import { GLIBC, PLATFORMS } from '../../npm/platforms.mjs';
import { PACKAGES, problems, project } from '../../npm/project.mjs';
import { managers, tryManager } from '../../npm/try.mjs';
import { commandLine, runtimes } from '../runtimes/index.mjs';
import { addon, command } from './native.mjs';

const ROOT = join(import.meta.dirname, '../..');
const native = dirname(addon);
const here = PLATFORMS.find(({ name }) => name === basename(native));
const folder = mkdtempSync(join(tmpdir(), 'crossfork-'));
after(() => rmSync(folder, { recursive: true }));

// The files that `prepack` would build exist already.
execFileSync(process.execPath, [join(ROOT, 'npm/notices.mjs')]);
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

// The published packages, with a made-up repository.
const published = { ...project(), repository: 'https://github.com/OWNER/crossfork' };
const main = packMain(published, folder);
const manifest = mainManifest(published);
const contents = (tarball) => execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n').sort();
const textIn = (tarball, file) => execFileSync('tar', ['-xzOf', tarball, `package/${file}`], { encoding: 'utf8' });

test('pack: contains what is needed at run time and to build, and nothing else', () => {
  const native = files.filter((file) => file.startsWith('native/'));
  assert.deepStrictEqual(native.map((file) => basename(file)).sort(), ['NOTICES.md', 'crossfork', 'crossfork.node']);
  const js = readdirSync(join(ROOT, 'js'), { recursive: true })
    .map((file) => `js/${file}`)
    .filter((file) => statSync(join(ROOT, file)).isFile());
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

// A missing symbol fails only when it is called, so loading the addon alone would not show it.
test('pack: the addon uses Node-API up to version 8, and no V8 symbols', () => {
  const text = readFileSync(addon, 'latin1');
  assert.ok(text.includes('napi_type_tag_object'), 'names of version 8 are in the file');
  // All names since version 9 begin with node_api_.
  assert.deepStrictEqual(text.match(/node_api_\w+|_ZN2v8\w+|_ZN4node\w+/g), null);
});

test('pack: the package is small', () => {
  assert.ok(statSync(tarball).size < 3 * 1024 * 1024, `${statSync(tarball).size} bytes`);
  assert.ok(packed.unpackedSize < 7 * 1024 * 1024, `${packed.unpackedSize} bytes unpacked`);
});

test('pack: the command stays executable', () => {
  for (const name of ['crossfork', 'cli.cjs']) {
    const file = packed.files.find(({ path }) => path.endsWith(`/${name}`));
    assert.strictEqual(file.mode & 0o111, 0o111, name);
  }
});

test('pack: the published main package has no native files, and depends on the packages that do', () => {
  const files = contents(main);
  assert.ok(files.includes('package/js/index.cjs') && files.includes('package/src/addon/lib.rs'));
  assert.deepStrictEqual(
    files.filter((file) => /native|NOTICES/.test(file)),
    [],
  );
  const names = PLATFORMS.map(({ name }) => [`crossfork-${name}`, published.version]);
  assert.deepStrictEqual(JSON.parse(textIn(main, 'package.json')).optionalDependencies, Object.fromEntries(names));
});

test('pack: manifests name the repository and their platform, and have no scripts', () => {
  for (const each of [manifest, ...PLATFORMS.map((platform) => platformManifest(platform, published))]) {
    const { name, version, license, repository, homepage, bugs, publishConfig, scripts } = each;
    assert.deepStrictEqual([version, license, scripts], [published.version, 'MIT OR Apache-2.0', undefined], name);
    assert.strictEqual(repository.url, 'git+https://github.com/OWNER/crossfork.git', name);
    assert.strictEqual(homepage, 'https://github.com/OWNER/crossfork#readme', name);
    assert.strictEqual(bugs.url, 'https://github.com/OWNER/crossfork/issues', name);
    assert.strictEqual(publishConfig.provenance, true, name);
  }
  const { os, libc, cpu } = platformManifest(PLATFORMS.at(-1), published);
  assert.deepStrictEqual([os, libc, cpu], [['linux'], ['musl'], ['arm64']]);
  // The main package can be installed on every platform, because some functions need no addon.
  assert.deepStrictEqual([manifest.os, manifest.cpu, manifest.libc], [undefined, undefined, undefined]);
});

test('pack: the npm page leads with npm, and the crate page with cargo', () => {
  const firstBlock = (markdown) => /^```text\n([\s\S]*?)^```/m.exec(markdown)[1];
  assert.match(firstBlock(textIn(main, 'README.md')), /^npm install crossfork$/m);
  assert.match(firstBlock(readFileSync(join(ROOT, PAGES.crate), 'utf8')), /^cargo add crossfork/);
});

test('pack: every link in the published pages leads to this version in the repository', () => {
  const links = relativeLinks(readFileSync(join(ROOT, PAGES.npm), 'utf8'));
  assert.ok(links.includes('../../CHANGELOG.md'));
  const address = `${published.repository}/blob/v${published.version}`;
  const text = textIn(main, 'README.md');
  for (const link of links.filter((link) => link.endsWith('.md'))) {
    assert.ok(text.includes(`](${address}/${join('docs/packages', link)})`), link);
  }
  const crate = withAbsoluteLinks(PAGES.crate, published);
  assert.ok(crate.includes(`](${address}/docs/cluster.md)`));
  for (const page of [text, crate, textIn(main, 'CHANGELOG.md')]) assert.deepStrictEqual(relativeLinks(page), []);
});

test('pack: the notices name every linked crate with its licence', () => {
  const notices = readFileSync(join(native, 'NOTICES.md'), 'utf8');
  const crates = linked(here.target).map(({ name }) => name);
  for (const name of ['clap', 'libc', 'napi', 'serde_json', 'tokio']) assert.ok(crates.includes(name), name);
  // Macros run only in the compiler, and test dependencies only in tests.
  for (const name of ['serde_derive', 'napi-build', 'proptest', 'axum']) assert.ok(!crates.includes(name), name);
  for (const name of crates) {
    assert.match(notices, new RegExp(`^- ${name} [\\d.]+\\S*: \\S`, 'm'), name);
    assert.match(notices, new RegExp(`^## .*\\b${name} \\d`, 'm'), name);
  }
  assert.match(notices, /Permission is hereby granted/);
});

// CROSSFORK_RELEASE=1 checks the files of `npm run release:build` by the rules for a release. Otherwise the files may need
// this machine's glibc.
test('pack: the addon and the command need no newer glibc than allowed, and no other library', () => {
  const released = Boolean(process.env.CROSSFORK_RELEASE);
  const glibc = released ? GLIBC : process.report.getReport().header.glibcVersionRuntime;
  const from = released ? join(PACKAGES, 'native', here.name) : native;
  for (const file of ['crossfork.node', 'crossfork'].map((name) => join(from, name))) {
    assert.deepStrictEqual(mismatches(file, here, glibc), []);
    assert.deepStrictEqual(buildTraces(file, released ? [`${ROOT}/`] : []), []);
  }
});

test('pack: files that need a newer glibc, another processor or more libraries are rejected', () => {
  const other = { cpu: here.cpu === 'x64' ? 'arm64' : 'x64', libc: 'glibc' };
  assert.deepStrictEqual(mismatches(command, other, '2.1'), [
    `${command} is for ${here.cpu}, not for ${other.cpu}.`,
    `${command} needs glibc ${newestGlibc(readElf(command))}, but 2.1 is the newest allowed.`,
  ]);
  assert.deepStrictEqual(mismatches(command, { cpu: here.cpu, libc: 'musl' }), [`${command} needs glibc.`]);
  assert.match(mismatches(process.execPath, here, '99').join(), /needs libstdc\+\+\.so/);
  assert.strictEqual(newestGlibc({ versions: ['GLIBC_2.9', 'GLIBC_2.17', 'GLIBC_2.2.5', 'GLIBC_PRIVATE'] }), '2.17');
});

test('pack: files with traces of the build machine are rejected', () => {
  const debug = join(folder, 'debug');
  const source = join(folder, 'main.rs');
  writeFileSync(source, `fn main() { panic!("{}", file!()) }`);
  execFileSync('rustc', ['-g', '-o', debug, source]);
  const said = buildTraces(debug, [`${folder}/`]).join();
  assert.ok(
    said.includes(`contains the build path ${folder}/`) && /is not stripped: it has .*\.symtab/.test(said),
    said,
  );
});

test('pack: a release needs a repository URL, a changelog entry, the right tag and no uncommitted changes', () => {
  const entry = `## Unreleased\n\n## ${published.version} - 2026-11-30\n`;
  const tag = `v${published.version}`;
  assert.deepStrictEqual(problems(published, entry, { tag, slug: 'OWNER/crossfork', changed: '' }), []);
  for (const [found, ...rest] of [
    [/repository URL is missing/, { ...published, repository: undefined }, entry],
    [/not of the form/, { ...published, repository: 'https://github.com/OWNER/crossfork.git' }, entry],
    [/this is https:\/\/github\.com\/other\/crossfork/, published, entry, { slug: 'other/crossfork' }],
    [/no "## [\d.]+ - YYYY-MM-DD"/, published, '## Unreleased\n\n## 0.0.1 - 2020-01-01\n'],
    [/tag is v9\.9\.9/, published, entry, { tag: 'v9.9.9' }],
    [/has uncommitted changes/, published, entry, { changed: ' M src/lib.rs' }],
  ]) {
    const said = problems(...rest);
    assert.strictEqual(said.length, 1, said.join());
    assert.match(said[0], found);
  }
});

const prebuilt = packPlatform(here, native, published, folder);

test('pack: the package of a platform has the native files, licences, and an executable command', () => {
  const files = ['LICENSE-APACHE', 'LICENSE-MIT', 'NOTICES.md', 'README.md', 'crossfork', 'crossfork.node'];
  const expected = [...files, 'package.json'].map((file) => `package/${file}`);
  assert.deepStrictEqual(contents(prebuilt), expected);
  const list = execFileSync('tar', ['-tvzf', prebuilt], { encoding: 'utf8' });
  assert.match(list, /^-rwxr-xr-x .* package\/crossfork$/m);
});

for (const name of managers) {
  const missing = name === 'bun' && !runtimes.some(({ kind }) => kind === 'bun');
  test(`pack: the published packages work when installed by ${name}`, { skip: missing && 'not here' }, async () => {
    await tryManager(name, [main, prebuilt], mkdtempSync(join(folder, `${name}-`)));
  });
}

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

test('pack: the package of npm pack, installed without Rust, works in every runtime', () => {
  const project = join(folder, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "name": "empty", "private": true }');
  const run = (...args) => spawnSync(...args, { cwd: project, env, encoding: 'utf8' });
  const installed = run('npm', ['install', '--no-audit', '--no-fund', tarball]);
  assert.strictEqual(installed.status, 0, installed.stdout + installed.stderr);
  assert.notStrictEqual(run('cargo', ['--version']).status, 0, 'cargo is on the PATH');
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

test('pack: cargo can read the packed sources', () => {
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

test('pack: the crate has all of its targets, and the Node programs of its examples', () => {
  const cargo = (...args) => execFileSync('cargo', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 2 ** 30 });
  const files = cargo('package', '--list', '--allow-dirty').split('\n');
  const { packages } = JSON.parse(cargo('metadata', '--no-deps', '--format-version=1'));
  for (const { src_path } of packages.find(({ name }) => name === 'crossfork').targets) {
    assert.ok(files.includes(src_path.slice(ROOT.length + 1)), src_path);
  }
  const programs = files
    .filter((file) => /^examples\/.*\.rs$/.test(file))
    .flatMap((file) => {
      return readFileSync(join(ROOT, file), 'utf8').match(/examples\/node\/\w+\.js/g) ?? [];
    });
  assert.ok(programs.length > 3);
  for (const program of programs) assert.ok(files.includes(program), program);
});

test('pack: publint and arethetypeswrong find no problems', () => {
  for (const [file, args] of [
    ...[tarball, main, prebuilt].map((each) => [bin('publint'), ['--strict', each]]),
    [bin('attw'), [tarball]],
    [bin('attw'), [main]],
  ]) {
    const { status, stdout, stderr } = spawnSync(file, args, { cwd: ROOT, encoding: 'utf8' });
    assert.strictEqual(status, 0, stdout + stderr);
  }
});
