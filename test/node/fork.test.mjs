import assert from 'node:assert';
import childProcess from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { command } from './native.mjs';

const require = createRequire(import.meta.url);
const { fork, crossforkPath } = require('../../js/index.cjs');
const { event } = require('../interop/kit/wait.cjs');

const folder = mkdtempSync(join(tmpdir(), 'crossfork-'));
after(() => rmSync(folder, { recursive: true }));

/** Creates a file with these contents. */
function file(name, contents, mode) {
  const path = join(folder, name);
  writeFileSync(path, contents);
  chmodSync(path, mode);
  return path;
}

/** Checks that the child echoes a message, and exits when the parent disconnects. */
async function assertWorks(child) {
  child.send({ hello: 'rust' });
  assert.deepStrictEqual(await event(child, 'message'), [{ hello: 'rust' }, undefined]);
  const exit = event(child, 'exit');
  child.disconnect();
  assert.deepStrictEqual(await exit, [0, null]);
}

test('fork: returns a ChildProcess with a channel', async () => {
  const child = fork(crossforkPath(), ['worker']);
  assert.ok(child instanceof childProcess.ChildProcess);
  assert.ok(child.connected);
  assert.deepStrictEqual(child.spawnargs, [crossforkPath(), 'worker']);
  await assertWorks(child);
});

test('fork: accepts a relative path, a URL, and a name on the PATH of the given environment', async () => {
  await assertWorks(fork(`./${relative(process.cwd(), command)}`, ['worker'], { cwd: '/' }));
  await assertWorks(fork(pathToFileURL(command), ['worker']));
  mkdirSync(join(folder, 'bin'));
  copyFileSync(command, join(folder, 'bin/a-worker'));
  chmodSync(join(folder, 'bin/a-worker'), 0o755);
  await assertWorks(fork('a-worker', ['worker'], { env: { PATH: `/nowhere:${folder}/bin` } }));
});

test('fork: arguments are optional, and options can follow the program', async () => {
  const script = file('script', '#!/bin/sh\necho "$# $VARIABLE"\n', 0o755);
  const children = [
    fork(script, { silent: true, env: { ...process.env, VARIABLE: 'x' } }),
    fork(script, undefined, { silent: true, env: { ...process.env, VARIABLE: 'x' } }),
    fork(script, [], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'], env: { ...process.env, VARIABLE: 'x' } }),
    fork(script, [], { stdio: 'pipe', env: { ...process.env, VARIABLE: 'x' } }),
  ];
  // Listens to all at once, because unread output of a child that has exited is discarded.
  const texts = await Promise.all(children.map((child) => event(child.stdout, 'data')));
  assert.deepStrictEqual(texts.map(String), new Array(4).fill('0 x\n'));
});

test('fork: with an environment of null the child inherits this environment, as in Node', async () => {
  const child = fork('sh', ['-c', 'echo "$PATH"'], { env: null, silent: true });
  assert.strictEqual(String(await event(child.stdout, 'data')), `${process.env.PATH}\n`);
});

test('fork: execArgv comes before the arguments, as in Node', async () => {
  const script = file('arguments', '#!/bin/sh\necho "$@"\n', 0o755);
  const child = fork(script, ['c', 'd'], { execArgv: ['a', 'b'], silent: true });
  const [text] = await event(child.stdout, 'data');
  assert.strictEqual(String(text), 'a b c d\n');
});

test('fork: signal, timeout and killSignal work as in Node', async () => {
  const controller = new AbortController();
  const child = fork(command, ['worker'], { signal: controller.signal, killSignal: 'SIGKILL' });
  const exit = new Promise((resolve) => child.on('exit', (...how) => resolve(how)));
  const failed = new Promise((resolve) => child.on('error', resolve));
  controller.abort();
  assert.strictEqual((await failed).name, 'AbortError');
  assert.deepStrictEqual(await exit, [null, 'SIGKILL']);
});

test('fork: throws with a reason if a program cannot be started', () => {
  const errors = [
    [join(folder, 'missing'), 'ENOENT', /^Cannot fork '.*missing': there is no such file$/],
    ['no-such-program', 'ENOENT', /^Cannot fork 'no-such-program': it is not on the PATH/],
    [file('data', 'x', 0o644), 'EACCES', /it is not executable$/],
    [folder, 'EACCES', /it is not a file$/],
    [file('text', 'just text', 0o755), 'ENOEXEC', /it is not a program$/],
    [file('empty', '', 0o755), 'ENOEXEC', /it is not a program$/],
    [
      file('lost', '#!/no/such/shell -e\n', 0o755),
      'ENOENT',
      /it is a script for '\/no\/such\/shell', which does not exist$/,
    ],
  ];
  for (const [path, code, message] of errors) {
    assert.throws(
      () => fork(path),
      (error) => {
        assert.match(error.message, message);
        assert.deepStrictEqual([error.code, error.path, typeof error.errno], [code, path, 'number']);
        return true;
      },
    );
  }
});

test('fork: rejects a script, and suggests child_process.fork', () => {
  for (const name of ['worker.js', './worker.mjs', '/tmp/worker.ts', new URL('file:///worker.cjs')]) {
    assert.throws(() => fork(name), {
      name: 'TypeError',
      code: 'ERR_INVALID_ARG_VALUE',
      message: /child_process\.fork/,
    });
  }
});

test('fork: rejects invalid arguments', () => {
  const wrong = [
    [[5], 'ERR_INVALID_ARG_TYPE'],
    [[''], 'ERR_INVALID_ARG_VALUE'],
    [['a\0b'], 'ERR_INVALID_ARG_VALUE'],
    [[command, 'worker'], 'ERR_INVALID_ARG_TYPE'],
    [[command, [5]], 'ERR_INVALID_ARG_TYPE'],
    [[command, [], 5], 'ERR_INVALID_ARG_TYPE'],
    [[command, [], { execPath: '/bin/true' }], 'ERR_INVALID_ARG_VALUE'],
    [[command, [], { shell: true }], 'ERR_INVALID_ARG_VALUE'],
    [[command, [], { stdio: ['pipe', 'pipe', 'pipe'] }], 'ERR_CHILD_PROCESS_IPC_REQUIRED'],
  ];
  for (const [args, code] of wrong) assert.throws(() => fork(...args), { code });
});

// The same steps with both: the way of starting must not change how the worker uses the parent's server.
const STARTERS = {
  'child_process.fork': () => childProcess.fork('worker', [], { execPath: command, execArgv: [] }),
  fork: () => fork(command, ['worker']),
};

for (const [name, start] of Object.entries(STARTERS)) {
  test(`${name}: a worker serves the parent's server, whose close waits for the worker's connections`, async (t) => {
    const worker = start();
    t.after(() => worker.kill('SIGKILL'));
    const server = http.createServer().listen(0, '127.0.0.1');
    await event(server, 'listening');
    const { port } = server.address();
    worker.send('server', server);
    worker.send('ready?');
    assert.deepStrictEqual((await event(worker, 'message'))[0], 'ready?');
    const closed = new Promise((resolve) => server.close(resolve));
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    assert.strictEqual(answer.status, 200);
    assert.match(await answer.text(), new RegExp(`${worker.pid}`));
    await closed;
    const exit = event(worker, 'exit');
    worker.disconnect();
    assert.deepStrictEqual(await exit, [0, null]);
  });
}
