// The program that the documentation of calls begins with, as it is printed.
import assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import '../environment.mjs';

const ROOT = join(import.meta.dirname, '../..');

test('docs/calls.md: the program at the beginning prints what its comments say', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'crossfork-'));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(ROOT, join(folder, 'node_modules/crossfork'));
  const text = readFileSync(join(ROOT, 'docs/calls.md'), 'utf8');
  const [worker, main] = [...text.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, program]) => program);
  for (const program of [worker, main]) writeFileSync(join(folder, /^\/\/ (\S+)/.exec(program)[1]), program);
  const expected = [...main.matchAll(/console\.log\(.*\); \/\/ (.*)/g)].flatMap(([, printed]) => printed.split(', '));
  const options = { cwd: folder, encoding: 'utf8', timeout: 60_000 };
  const { stdout, stderr, status } = spawnSync(process.execPath, ['main.mjs'], options);
  assert.strictEqual(status, 0, stderr);
  assert.deepStrictEqual(stdout.trim().split('\n'), expected);
});
