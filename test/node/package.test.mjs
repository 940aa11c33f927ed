// Rules for the files of the repository and for the packages.
import assert from 'node:assert';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { relativeLinks } from '../../npm/manifests.mjs';
import { project } from '../../npm/project.mjs';

const ROOT = join(import.meta.dirname, '../..');
const read = (file) => readFileSync(join(ROOT, file), 'utf8');
const manifest = JSON.parse(read('package.json'));

// Files that git tracks, and new ones that it does not ignore.
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file && existsSync(join(ROOT, file)) && statSync(join(ROOT, file)).isFile());

test('package: lock files do not say where packages come from', () => {
  const locks = files.filter((file) => file.endsWith('package-lock.json'));
  assert.ok(locks.length >= 2);
  for (const file of locks) assert.doesNotMatch(read(file), /"resolved"/, file);
});

// npm omits packages that the current registry lacks, and `npm ci` then rejects the lock file everywhere.
test('package: lock files hold the packages for every platform', () => {
  for (const file of files.filter((file) => file.endsWith('package-lock.json'))) {
    const { packages } = JSON.parse(read(file));
    for (const { optionalDependencies = {} } of Object.values(packages)) {
      for (const name of Object.keys(optionalDependencies))
        assert.ok(packages[`node_modules/${name}`], `${file}: ${name}`);
    }
  }
});

test('package: no file names the host of a registry', () => {
  const hosts = ['registry.npmjs' + '.org', 'static.crates' + '.io', 'index.crates' + '.io'];
  for (const file of files) {
    for (const host of hosts) assert.ok(!read(file).includes(host), `${file} names ${host}`);
  }
});

test('package: there are no run-time dependencies and no install scripts', () => {
  assert.deepStrictEqual(manifest.dependencies ?? {}, {});
  for (const script of ['preinstall', 'install', 'postinstall']) assert.ok(!(script in manifest.scripts), script);
});

test('package: the version and the repository URL are defined in one place', () => {
  const { version, repository } = project();
  assert.strictEqual(manifest.version, '0.0.0-development', 'release:pack writes the version of Cargo.toml');
  assert.strictEqual(manifest.repository, undefined, 'release:pack writes the address of Cargo.toml');
  const saying = files.filter((file) => /\.(toml|json|mjs|cjs|ts|yml)$/.test(file) && !file.endsWith('-lock.json'));
  const places = (line) => saying.filter((file) => line.test(read(file)));
  assert.deepStrictEqual(places(new RegExp(`^ *"?version"? *[=:] *"${version.replaceAll('.', '\\.')}"`, 'm')), [
    'Cargo.toml',
  ]);
  if (repository) assert.deepStrictEqual(places(new RegExp(repository)), ['Cargo.toml']);
});

test('package: the types need @types/node, which is an optional peer', () => {
  assert.match(read('js/index.d.ts'), /^\/\/\/ <reference types="node" \/>$/m);
  assert.ok(manifest.peerDependencies['@types/node']);
  assert.strictEqual(manifest.peerDependenciesMeta['@types/node'].optional, true);
});

test('package: the Cargo package and the npm package agree', () => {
  const cargo = read('Cargo.toml');
  for (const field of ['name', 'license']) {
    const value = new RegExp(`^${field} = "([^"]*)"$`, 'm').exec(cargo)?.[1];
    assert.strictEqual(value, manifest[field], field);
  }
});

test('package: no dependency needs a newer Rust than Cargo.toml declares', () => {
  const args = ['metadata', '--locked', '--all-features', '--format-version=1'];
  const { packages } = JSON.parse(execFileSync('cargo', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 2 ** 30 }));
  const minor = (version) => Number(/^1\.(\d+)/.exec(version)?.[1]);
  const declared = packages.find(({ name }) => name === 'crossfork').rust_version;
  const newer = packages.filter(({ rust_version }) => minor(rust_version) > minor(declared));
  assert.deepStrictEqual(
    newer.map(({ name, version, rust_version }) => `${name} ${version} needs ${rust_version}`),
    [],
  );
});

test("package: every relative link leads to a file of the repository, and every '#' link to a heading", () => {
  for (const file of files.filter((file) => file.endsWith('.md'))) {
    const text = read(file).replaceAll(/^```[\s\S]*?^```/gm, '');
    for (const link of relativeLinks(text)) {
      assert.ok(existsSync(join(ROOT, dirname(file), link.split('#')[0])), `${file}: ${link}`);
    }
    const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    );
    headings.push(...[...text.matchAll(/<a id="([^"]+)"/g)].map(([, id]) => id));
    for (const [, anchor] of text.matchAll(/\]\(#([^)]*)\)/g))
      assert.ok(headings.includes(anchor), `${file}: ${anchor}`);
  }
});

test('package: examples have at most 100 lines', () => {
  for (const file of files.filter((file) => file.startsWith('examples/') && !file.endsWith('.lock'))) {
    const lines = read(file).trimEnd().split('\n').length;
    assert.ok(lines <= 100, `${file} has ${lines} lines`);
  }
});
