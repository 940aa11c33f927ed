import assert from 'node:assert';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { choose, packagesCover, runtimes } from '../runtimes/index.mjs';

for (const { name, kind, major, bin } of runtimes) {
  test(`runtimes: ${name} runs, and has the expected version`, () => {
    const version = execFileSync(bin, ['--version'], { encoding: 'utf8' });
    assert.match(version, new RegExp(`^(v|deno )?${major}\\.\\d+\\.\\d+`));
    assert.strictEqual(name, kind === 'node' ? `node${major}` : kind);
  });
}

test('runtimes: CROSSFORK_RUNTIMES chooses by name', () => {
  const all = [{ name: 'node18' }, { name: 'node20' }, { name: 'bun' }];
  assert.deepStrictEqual(choose(all, undefined), all);
  assert.deepStrictEqual(choose(all, ''), all);
  assert.deepStrictEqual(choose(all, 'bun, node18'), [{ name: 'node18' }, { name: 'bun' }]);
  assert.throws(() => choose(all, 'node18,node19'), /no node19 here, only node18, node20, bun/);
});

test('runtimes: the packages are only for glibc Linux on x86-64', () => {
  assert.ok(packagesCover('linux', 'x64', '2.36'));
  assert.ok(!packagesCover('linux', 'x64', undefined));
  assert.ok(!packagesCover('linux', 'arm64', '2.36'));
  assert.ok(!packagesCover('darwin', 'x64', undefined));
});
