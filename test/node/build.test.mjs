import assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, test } from 'node:test';

const BUILD = join(import.meta.dirname, '../../js/build.cjs');
const folder = mkdtempSync(join(tmpdir(), 'crossfork-'));
after(() => rmSync(folder, { recursive: true }));

/** Runs js/build.cjs with nothing but `path` to find programs in. */
function runBuild(path) {
  return spawnSync(process.execPath, [BUILD], { env: { ...process.env, PATH: path }, encoding: 'utf8' });
}

/** A folder with a `cargo` that is this shell script: what cargo says, without the minutes that it takes. */
function cargoThat(script) {
  const bin = mkdtempSync(join(folder, 'bin-'));
  writeFileSync(join(bin, 'cargo'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, 'cargo'), 0o755);
  return [bin, '/usr/bin', '/bin'].join(delimiter);
}

test('build: tells where cargo put an executable', () => {
  const { build } = createRequire(import.meta.url)(BUILD);
  const executable = build({ example: 'echo_worker' });
  assert.match(executable, /debug\/examples\/echo_worker$/);
  assert.strictEqual(build({ example: 'echo_worker' }), executable, 'also when there is nothing to do');
});

test('build: run directly it prints the path and nothing else on stdout', () => {
  const artifact = '{"reason":"compiler-artifact","target":{"name":"crossfork"},"executable":"/there/crossfork"}';
  const library = '{"reason":"compiler-artifact","target":{"name":"crossfork"},"executable":null}';
  const { status, stdout } = runBuild(cargoThat(`echo '${library}'; echo warning >&2; echo '${artifact}'`));
  assert.strictEqual(stdout, '/there/crossfork\n');
  assert.strictEqual(status, 0);
});

test('build: without cargo it says how to get it', () => {
  const { status, stdout, stderr } = runBuild(folder);
  assert.match(stderr, /^Cannot build crossfork: cargo is not on the PATH\. [^\n]*rustup[^\n]*\n$/);
  assert.strictEqual(stdout, '');
  assert.strictEqual(status, 1);
});

test('build: when cargo fails, its own words and one sentence', () => {
  const { status, stderr } = runBuild(cargoThat('echo "error: no such feature" >&2; exit 101'));
  assert.strictEqual(stderr, 'error: no such feature\nCannot build crossfork: cargo ended with exit code 101.\n');
  assert.strictEqual(status, 1);
});

test('build: when cargo names no executable, that is an error', () => {
  const { status, stderr } = runBuild(cargoThat('echo "{\\"reason\\":\\"build-finished\\"}"'));
  assert.match(stderr, /did not say where/);
  assert.strictEqual(status, 1);
});
