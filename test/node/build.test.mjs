import assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, test } from 'node:test';

const BUILD = join(import.meta.dirname, '../../js/build.cjs');
const folder = mkdtempSync(join(tmpdir(), 'crossfork-'));
after(() => rmSync(folder, { recursive: true }));

/** Runs js/build.cjs with `path` as its PATH. Never touches the real build. */
function runBuild(path) {
  const args = [BUILD, '--to', join(folder, 'native')];
  return spawnSync(process.execPath, args, { env: { ...process.env, PATH: path }, encoding: 'utf8' });
}

/** Returns a PATH with a fake `cargo`, which is this shell script, because a real build takes minutes. */
function cargoThat(script) {
  const bin = mkdtempSync(join(folder, 'bin-'));
  writeFileSync(join(bin, 'cargo'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, 'cargo'), 0o755);
  return [bin, '/usr/bin', '/bin'].join(delimiter);
}

test('build: returns the path of the executable that cargo built', () => {
  const { build } = createRequire(import.meta.url)(BUILD);
  // As other tests have it built.
  const how = [{ example: 'echo_worker' }, { args: ['--all-features'] }];
  const executable = build(...how);
  assert.match(executable, /debug\/examples\/echo_worker$/);
  assert.strictEqual(build(...how), executable, 'also when there is nothing to do');
});

test('build: run directly, it puts the addon and the command into the given folder, and prints only their paths', () => {
  const made = join(folder, 'made');
  writeFileSync(made, 'contents', { mode: 0o755 });
  const artifact = (target, more) => JSON.stringify({ reason: 'compiler-artifact', target, ...more });
  const library = artifact({ name: 'crossfork_addon', kind: ['cdylib'] }, { filenames: [made], executable: null });
  const binary = artifact({ name: 'crossfork', kind: ['bin'] }, { filenames: [made], executable: made });
  const { status, stdout } = runBuild(cargoThat(`echo '${library}'; echo warning >&2; echo '${binary}'`));
  const paths = ['crossfork.node', 'crossfork'].map((name) => join(folder, 'native', name));
  assert.strictEqual(stdout, `${paths.join('\n')}\n`);
  assert.strictEqual(status, 0);
  assert.deepStrictEqual(readdirSync(join(folder, 'native')), ['crossfork', 'crossfork.node']);
  for (const path of paths) assert.strictEqual(readFileSync(path, 'utf8'), 'contents');
});

test('build: without cargo the error says how to install it', () => {
  const { status, stdout, stderr } = runBuild(folder);
  assert.match(stderr, /^Cannot build the addon: cargo is not on the PATH\. [^\n]*rustup[^\n]*\n$/);
  assert.strictEqual(stdout, '');
  assert.strictEqual(status, 1);
});

test('build: if cargo fails, its own output is followed by one line', () => {
  const { status, stderr } = runBuild(cargoThat('echo "error: no such feature" >&2; exit 101'));
  assert.strictEqual(stderr, 'error: no such feature\nCannot build the addon: cargo failed with exit code 101.\n');
  assert.strictEqual(status, 1);
});

test('build: if cargo reports no artifact, that is an error', () => {
  const { status, stderr } = runBuild(cargoThat('echo "{\\"reason\\":\\"build-finished\\"}"'));
  assert.match(stderr, /cargo did not report a library/);
  assert.strictEqual(status, 1);
});
