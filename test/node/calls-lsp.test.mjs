// vscode-jsonrpc and vscode-languageserver, unmodified, as either end of our calls.
import assert from 'node:assert';
import { fork, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { someNode, withoutNode } from '../runtimes/index.mjs';
import { modules } from './calls/npm/index.mjs';

const require = createRequire(import.meta.url);
const { connectCalls, Pool } = require('../../js/index.cjs');
const { until } = require('../interop/kit/wait.cjs');
const rpc = createRequire(`${modules}/`)('vscode-jsonrpc/node');

const file = (name) => join(import.meta.dirname, 'calls/lsp', `${name}.cjs`);
const env = { ...process.env, CROSSFORK_TEST_MODULES: modules };
const execPath = someNode?.bin;
const options = { skip: withoutNode };

/** A server of theirs, and us. */
function theirs(t, name, args = []) {
  const child = fork(file(name), args, { execPath, env });
  t.after(() => child.kill('SIGKILL'));
  return connectCalls(child, { methods: { double: (n) => n * 2 } });
}

/** A server of ours, and vscode-jsonrpc. It is started as vscode-languageclient starts one. */
function ours(t) {
  const args = [file('our-server'), '--node-ipc', `--clientProcessId=${process.pid}`];
  const child = spawn(execPath, args, { stdio: [null, null, null, 'ipc'] });
  t.after(() => child.kill('SIGKILL'));
  const connection = rpc.createMessageConnection(new rpc.IPCMessageReader(child), new rpc.IPCMessageWriter(child));
  connection.onRequest('double', (n) => n * 2);
  connection.listen();
  return { connection, child };
}

test('lsp: vscode-jsonrpc answers us', options, async (t) => {
  const peer = theirs(t, 'jsonrpc-server');
  assert.deepStrictEqual(await peer.ready(), { concurrency: 1 });
  for (const value of [1, 'text', null, [1, 2], { a: 1 }])
    assert.deepStrictEqual(await peer.call('echo', value), value);
  assert.deepStrictEqual(await peer.call.args('arguments', [1, { b: 2 }, [3]]), [1, { b: 2 }, [3]]);
  await assert.rejects(peer.call('fails'), { rpcCode: -32050, message: 'chosen', data: { more: 1 } });
  await assert.rejects(peer.call('throws'), { rpcCode: -32603, message: /unexpected/ });
  await assert.rejects(peer.call('nobody'), { code: 'ERR_CALL_UNKNOWN_METHOD' });
  assert.strictEqual(await peer.call('asksBack', 21), 42);
});

test('lsp: a hundred calls of one turn are all answered by an end that knows no bundles', options, async (t) => {
  const peer = theirs(t, 'jsonrpc-server');
  const numbers = Array.from({ length: 100 }, (_, i) => i);
  for (let round = 0; round < 2; round++) {
    assert.deepStrictEqual(await Promise.all(numbers.map((i) => peer.call('echo', i))), numbers);
  }
  for (const i of numbers) peer.notify('note', i);
  assert.deepStrictEqual(await peer.call('notes'), numbers);
});

test('lsp: vscode-jsonrpc hears our cancels, and lives', options, async (t) => {
  const peer = theirs(t, 'jsonrpc-server');
  await peer.ready();
  const stop = new AbortController();
  const waiting = assert.rejects(peer.call('waits', 1, { signal: stop.signal }), { code: 'ERR_CALL_ABORTED' });
  // It does not hear a cancel that comes with its request.
  await peer.call('echo', 1);
  stop.abort();
  await waiting;
  await until(() => peer.inFlight === 0, 'its answer comes');
  for (let i = 0; i < 20; i++)
    await assert.rejects(peer.call('waits', 1, { timeout: 1 }), { code: 'ERR_CALL_TIMEOUT' });
  assert.strictEqual(await peer.call('echo', 'alive'), 'alive');
});

test('lsp: progress and partial results of vscode-jsonrpc reach the call that has their tokens', options, async (t) => {
  const peer = theirs(t, 'jsonrpc-server');
  const progress = [];
  const items = [];
  const params = { workDoneToken: 'w', partialResultToken: 'p' };
  for await (const item of peer.stream('works', params, { onProgress: (value) => progress.push(value) }))
    items.push(item);
  assert.deepStrictEqual(progress, [{ kind: 'begin' }]);
  assert.deepStrictEqual(items, [[1, 2], [3]]);
});

test('lsp: a pool of servers that are not ours', options, async (t) => {
  const pool = new Pool(file('jsonrpc-server'), { size: 2, fork: { execPath, env, serialization: 'json' } });
  t.after(() => pool.destroy());
  await pool.ready();
  const numbers = Array.from({ length: 50 }, (_, i) => i);
  assert.deepStrictEqual(await Promise.all(numbers.map((i) => pool.call('echo', i))), numbers);
  await assert.rejects(pool.call('waits', 1, { timeout: 20 }), { code: 'ERR_CALL_TIMEOUT' });
  assert.deepStrictEqual(await pool.close(), { killed: 0 });
});

test('lsp: a handle is refused where the other side would leave it open', options, async (t) => {
  const peer = theirs(t, 'jsonrpc-server');
  const { createServer } = await import('node:net');
  const server = createServer().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await assert.rejects(peer.call('echo', 1, { handle: server }), { code: 'ERR_CALL_HANDLE' });
  assert.strictEqual(peer.inFlight, 0);
});

test('lsp: we speak to a language server made with vscode-languageserver', options, async (t) => {
  const peer = theirs(t, 'language-server', ['--node-ipc']);
  const { capabilities } = await peer.call('initialize', { processId: process.pid, rootUri: null, capabilities: {} });
  assert.strictEqual(capabilities.hoverProvider, true);
  peer.notify('initialized', {});
  const textDocument = { uri: 'file:///a' };
  assert.deepStrictEqual(await peer.call('textDocument/hover', { textDocument, position: { line: 3, character: 0 } }), {
    contents: 'line 3',
  });
  const params = { textDocument, position: { line: 0, character: 0 }, context: {}, partialResultToken: 7 };
  const found = [];
  for await (const part of peer.stream('textDocument/references', params)) found.push(...part);
  assert.deepStrictEqual(
    found.map(({ uri }) => uri),
    ['a', 'b'],
  );
  assert.strictEqual(await peer.call('shutdown'), null);
  const exit = new Promise((resolve) => peer.once('close', resolve));
  peer.notify('exit');
  assert.strictEqual((await exit).exitCode, 0);
});

test('lsp: a server made with serve, started as vscode-languageclient starts one', options, async (t) => {
  const { connection, child } = ours(t);
  const { capabilities } = await connection.sendRequest('initialize', { processId: process.pid, capabilities: {} });
  assert.strictEqual(capabilities.hoverProvider, true);
  for (let version = 0; version < 10; version++) connection.sendNotification('textDocument/didChange', { version });
  const { contents } = await connection.sendRequest('textDocument/hover', { position: {} });
  assert.strictEqual(contents, '0 1 2 3 4 5 6 7 8 9', 'a call waits for the notifications before it');
  assert.deepStrictEqual(await connection.sendRequest('arguments', 1, 'two', [3]), [1, 'two', [3]]);
  assert.deepStrictEqual(await connection.sendRequest('arguments', [1, 2]), [[1, 2]]);
  await assert.rejects(connection.sendRequest('fails'), (error) => {
    assert.deepStrictEqual([error.code, error.message, error.data.data], [-32050, 'chosen', { more: 1 }]);
    return true;
  });
  await assert.rejects(connection.sendRequest('nobody'), { code: -32601 });
  assert.strictEqual(await connection.sendRequest('asksBack', 21), 42);
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.disconnect();
  assert.strictEqual(await exit, 0);
});

test('lsp: vscode-jsonrpc cancels our handler', options, async (t) => {
  const { connection } = ours(t);
  await connection.sendRequest('initialize', {});
  const source = new rpc.CancellationTokenSource();
  const waiting = connection.sendRequest('waits', source.token);
  await connection.sendRequest('arguments', 1);
  source.cancel();
  await assert.rejects(waiting, { code: -32800 });
  const { contents } = await connection.sendRequest('textDocument/hover', {});
  assert.strictEqual(contents, 'cancelled');
});

test('lsp: progress and partial results of ours reach vscode-jsonrpc by its tokens', options, async (t) => {
  const { connection } = ours(t);
  const progress = [];
  const parts = [];
  connection.onProgress(new rpc.ProgressType(), 'w', (value) => progress.push(value));
  connection.onProgress(new rpc.ProgressType(), 'p', (value) => parts.push(value));
  const params = { workDoneToken: 'w', partialResultToken: 'p' };
  assert.strictEqual(await connection.sendRequest('textDocument/references', params), null);
  assert.deepStrictEqual(progress, [{ kind: 'begin', title: 'looking' }]);
  assert.deepStrictEqual(parts, [[{ uri: 'a' }], [{ uri: 'b' }]]);
  const whole = await connection.sendRequest('textDocument/references', {});
  assert.deepStrictEqual(whole, [[{ uri: 'a' }], [{ uri: 'b' }]], 'without a token all of it is the result');
});
