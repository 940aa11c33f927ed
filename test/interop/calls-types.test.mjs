// The types of a service in Rust, as TypeScript checks calls by them.
import assert from 'node:assert';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { artifact } from '../artifacts.mjs';

const ROOT = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'crossfork-types-'));
after(() => rmSync(folder, { recursive: true }));

mkdirSync(join(folder, 'node_modules'));
symlinkSync(ROOT, join(folder, 'node_modules/crossfork'));
symlinkSync(join(ROOT, 'node_modules/@types'), join(folder, 'node_modules/@types'));
execFileSync(artifact('image_service'), ['--types', join(folder, 'api.d.ts')]);

/** Compiles a program against what the service has written. */
function compile(name, text) {
  const file = join(folder, `${name}.mts`);
  writeFileSync(file, text);
  const flags = [
    '--noEmit',
    '--strict',
    '--module',
    'node16',
    '--target',
    'es2022',
    '--types',
    'node',
    '--ignoreConfig',
  ];
  const { stdout } = spawnSync(join(ROOT, 'node_modules/.bin/tsc'), [...flags, file], {
    cwd: folder,
    encoding: 'utf8',
  });
  return stdout;
}

const HEAD = `
import { Pool } from 'crossfork';
import type { Api, Picture } from './api.js';
const pool = new Pool('./images');
const api = pool.methods<Api>();
const picture: Picture = { width: 1, height: 1, pixels: new Uint8Array(1) };
`;

test('types: a program that calls a service as it is compiles', () => {
  const program = `${HEAD}
    const small = await api.scale({ picture, width: 1 }, { timeout: 5, key: 'a' });
    const bytes: Uint8Array = small.pixels;
    await api.scale({ picture, width: 1, height: 5 });
    async function* pictures() { yield picture; }
    const sizes: { pixels: number; mean?: number | null }[] = await api.album.measure({ pictures: pictures() });
    console.log(bytes, sizes);
  `;
  assert.strictEqual(compile('right', program), '');
});

for (const [what, call, expected] of [
  ['a wrong parameter', "api.scale({ picture, width: '1' })", /Type 'string' is not assignable to type 'number'/],
  ['a missing parameter', 'api.scale({ picture })', /Property 'width' is missing/],
  [
    'bytes that are none',
    "api.scale({ picture: { ...picture, pixels: 'x' }, width: 1 })",
    /not assignable to type 'Uint8Array/,
  ],
  ['a stream of something else', 'api.album.measure({ pictures: (async function* () { yield 1; })() })', /number/],
  ['an unknown method', 'api.rotate({ picture })', /Property 'rotate' does not exist/],
  [
    'a wrong use of the result',
    '(await api.scale({ picture, width: 1 })).colours',
    /Property 'colours' does not exist/,
  ],
]) {
  test(`types: ${what} does not compile`, () => {
    assert.match(compile('wrong', `${HEAD}\nawait ${call};`), expected);
  });
}

test('types: a service writes its methods, and the types that they need', () => {
  const text = readFileSync(join(folder, 'api.d.ts'), 'utf8');
  assert.match(
    text,
    /export interface Api \{\n {2}album: \{\n {4}measure\(params: Album\): AsyncIterable<Size>;\n {2}\};\n {2}scale/,
  );
  assert.match(text, /pixels: Uint8Array/);
  assert.match(text, /pixels: number/);
  assert.match(text, /height\?: number \| null/);
});
