// The types, as CommonJS and ES modules see them.
import assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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

/** The documentation comment and the declaration of each exported function. */
const documented = [
  ...readFileSync(join(ROOT, 'js/index.d.ts'), 'utf8').matchAll(
    /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\nexport (?:function|class) (\w+)([\s\S]*?)[;{]\n/g,
  ),
].map(([, comment, name, declaration]) => ({ comment, name, declaration }));

/** Names that the examples use without declaring them. */
const EXAMPLES = `
import http = require('node:http');
import { once } from 'node:events';
import { openSync } from 'node:fs';
import type { Server } from 'node:net';
import * as crossfork from 'crossfork';
const { NAMES } = crossfork;
declare const app: http.RequestListener;
declare const [fd, server, pixels, frame]: [number, Server, Buffer, Buffer];
declare const fds: crossfork.ReceivedFds;
declare const socket: crossfork.FdSocket;
`;

for (const extension of ['mts', 'cts']) {
  test(`types: a .${extension} file`, () => {
    const file = join(folder, `usage.${extension}`);
    cpSync(join(import.meta.dirname, 'types/usage.ts'), file);
    assert.deepStrictEqual(typecheck(file), { stdout: '', status: 0 });
  });
}

function typecheck(file) {
  const options = ['--noEmit', '--strict', '--module', 'node16', '--target', 'es2022', '--types', 'node'];
  const flags = ['--esModuleInterop', '--ignoreConfig'];
  const tsc = join(ROOT, 'node_modules/.bin/tsc');
  const { status, stdout } = spawnSync(tsc, [...options, ...flags, file], { cwd: folder, encoding: 'utf8' });
  return { stdout, status };
}

test('types: every parameter of every function is documented', () => {
  for (const { comment, name, declaration } of documented) {
    const parameters = [...declaration.matchAll(/(?:^\(\s*|,\s+)(\w+)\??:/g)].map(([, parameter]) => parameter);
    const said = [...comment.matchAll(/@param (\w+) /g)].map(([, parameter]) => parameter);
    assert.deepStrictEqual(said, parameters, name);
  }
});

test('types: the examples in the documentation compile', () => {
  const examples = documented.flatMap(({ comment, name }) => {
    const lines = comment.split('@example\n')[1]?.replace(/^ \* ?/gm, '') ?? '';
    return lines ? [`async function example_${name}() {\n${lines}\n}\nvoid example_${name};`] : [];
  });
  assert.ok(examples.length > 10);
  const names = Object.keys(require('../../js/index.cjs')).join(', ');
  writeFileSync(join(folder, 'examples.cts'), EXAMPLES.replace('NAMES', names) + examples.join('\n'));
  assert.deepStrictEqual(typecheck(join(folder, 'examples.cts')), { stdout: '', status: 0 });
});

test('types: exactly the exported names are declared', () => {
  const text = readFileSync(join(ROOT, 'js/index.d.ts'), 'utf8');
  const declared = new Set([...text.matchAll(/^export (?:function|class) (\w+)/gm)].map(([, name]) => name));
  assert.deepStrictEqual([...declared].sort(), Object.keys(require('../../js/index.cjs')).sort());
});
