// vscode-jsonrpc over the channel, unmodified. `vscode.cjs <modules> <program> <driver> <serialization>` is the parent of
// a service in Rust; `vscode.cjs <modules>` is a worker.
'use strict';
const assert = require('node:assert');
const { fork } = require('node:child_process');
const { createRequire } = require('node:module');
const { join } = require('node:path');

const [, , modules, program, driver, serialization] = process.argv;
const rpc = createRequire(join(modules, 'index.cjs'))('vscode-jsonrpc/node');

function connect(end) {
  const connection = rpc.createMessageConnection(new rpc.IPCMessageReader(end), new rpc.IPCMessageWriter(end));
  connection.listen();
  return connection;
}

async function parent() {
  const child = fork('', [driver], {
    execPath: program,
    execArgv: [],
    serialization,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  const connection = connect(child);
  connection.onRequest('answer', (question) => `${question}!`);
  assert.strictEqual(await connection.sendRequest('ask', 'why?'), 'why? why?!');
  assert.deepStrictEqual(await connection.sendRequest('area', { width: 3, height: 4 }), { width: 3, area: 12 });
  assert.deepStrictEqual(await connection.sendRequest('echo', [1, 2]), [1, 2]);
  assert.strictEqual(await connection.sendRequest('add', 1, 2), 3);
  assert.strictEqual(await connection.sendRequest('nothing'), null);
  await assert.rejects(connection.sendRequest('open', '/does/not/exist'), ({ code, data }) => {
    assert.deepStrictEqual([code, data.code], [-32000, 'ENOENT']);
    return true;
  });
  await assert.rejects(connection.sendRequest('unknown'), { code: -32601 });
  await assert.rejects(connection.sendRequest('area', { width: 'a' }), { code: -32602 });

  const many = await Promise.all(Array.from({ length: 500 }, (_, i) => connection.sendRequest('closure', i)));
  assert.deepStrictEqual(
    many,
    Array.from({ length: 500 }, (_, i) => i + 1),
  );

  const reported = new Promise((resolve) => connection.onProgress(new rpc.ProgressType(), 'mine', resolve));
  const source = new rpc.CancellationTokenSource();
  const forever = connection.sendRequest('forever', { workDoneToken: 'mine' }, source.token);
  assert.strictEqual(await reported, 'begun');
  source.cancel();
  await assert.rejects(forever, { code: -32800 });

  for (let i = 1; i <= 20; i++) connection.sendNotification('note', i);
  assert.deepStrictEqual(
    await connection.sendRequest('notes'),
    Array.from({ length: 20 }, (_, i) => i + 1),
  );
  child.disconnect();
  assert.strictEqual(await ended, 0);
}

function worker() {
  const connection = connect(process);
  connection.onRequest('double', (n) => 2 * n);
  connection.onRequest('fail', () => {
    throw new rpc.ResponseError(-32042, 'on purpose', { name: 'TypeError' });
  });
  connection.onRequest('throw', () => {
    throw new TypeError('thrown');
  });
  connection.onRequest('area', ({ width, height }) => width * height);
  connection.onRequest('list', (list) => list.length);
  connection.onRequest('forever', (_, token) => new Promise((resolve) => token.onCancellationRequested(resolve)));
  connection.onRequest('die', () => process.exit(7));
  process.on('disconnect', () => process.exit());
}

if (program) parent().then(undefined, (error) => process.exit(console.error(error) ?? 1));
else worker();
