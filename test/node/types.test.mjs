// The types, as a module of either kind sees them.
import assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');
const require = createRequire(import.meta.url);
const folder = mkdtempSync(join(tmpdir(), 'crossfork-'));
after(() => rmSync(folder, { recursive: true }));

mkdirSync(join(folder, 'node_modules'));
symlinkSync(ROOT, join(folder, 'node_modules/crossfork'));
symlinkSync(join(ROOT, 'node_modules/@types'), join(folder, 'node_modules/@types'));

for (const extension of ['mts', 'cts']) {
  test(`types: a .${extension} file`, () => {
    const file = join(folder, `usage.${extension}`);
    cpSync(join(import.meta.dirname, 'types/usage.ts'), file);
    const options = ['--noEmit', '--strict', '--module', 'node16', '--target', 'es2022', '--types', 'node'];
    const flags = ['--esModuleInterop', '--ignoreConfig'];
    const tsc = join(ROOT, 'node_modules/.bin/tsc');
    const { status, stdout } = spawnSync(tsc, [...options, ...flags, file], { cwd: folder, encoding: 'utf8' });
    assert.strictEqual(stdout, '');
    assert.strictEqual(status, 0);
  });
}

test('types: everything that is exported is declared, and nothing else', async () => {
  const { readFileSync } = await import('node:fs');
  const text = readFileSync(join(ROOT, 'js/index.d.ts'), 'utf8');
  const declared = new Set([...text.matchAll(/^export (?:function|class) (\w+)/gm)].map(([, name]) => name));
  assert.deepStrictEqual([...declared].sort(), Object.keys(require('../../js/index.cjs')).sort());
});
