// An editor's side, with the library of vscode-languageclient, which itself runs only inside of the editor: `editor.cjs MODULES
// PROGRAM`. The program is started exactly as it starts one.
'use strict';
const assert = require('node:assert');
const { spawn } = require('node:child_process');
const { createRequire } = require('node:module');
const { join } = require('node:path');

const [, , modules, program] = process.argv;
const load = createRequire(join(modules, 'index.cjs'));
const lsp = load('vscode-languageserver-protocol/node');

async function main() {
  const args = ['--node-ipc', `--clientProcessId=${process.pid}`];
  const child = spawn(program, args, { stdio: [null, null, null, 'ipc'] });
  child.stderr.pipe(process.stderr);
  const exit = new Promise((resolve) => child.once('exit', resolve));
  const connection = lsp.createProtocolConnection(
    new lsp.IPCMessageReader(child),
    new lsp.IPCMessageWriter(child),
    console,
  );
  const told = [];
  connection.onNotification(lsp.PublishDiagnosticsNotification.type, (params) => told.push(params));
  connection.listen();

  const initialize = { processId: process.pid, rootUri: null, capabilities: {} };
  const { capabilities } = await connection.sendRequest(lsp.InitializeRequest.type, initialize);
  assert.deepStrictEqual(capabilities, { textDocumentSync: 1, hoverProvider: true });
  await connection.sendNotification(lsp.InitializedNotification.type, {});

  const uri = 'file:///a.txt';
  const hover = () =>
    connection.sendRequest(lsp.HoverRequest.type, { textDocument: { uri }, position: { line: 0, character: 0 } });
  await connection.sendNotification(lsp.DidOpenTextDocumentNotification.type, {
    textDocument: { uri, languageId: 'text', version: 1, text: 'one two two' },
  });
  assert.deepStrictEqual(await hover(), { contents: '3 words' });
  assert.strictEqual(told[0].uri, uri);
  assert.deepStrictEqual(
    told[0].diagnostics.map(({ message }) => message),
    ["'two' is there twice"],
  );

  // Each call sees the text as it was when it was made.
  const counts = [];
  for (let version = 2; version < 30; version++) {
    const change = { textDocument: { uri, version }, contentChanges: [{ text: 'word '.repeat(version) }] };
    connection.sendNotification(lsp.DidChangeTextDocumentNotification.type, change);
    counts.push(hover());
  }
  for (const [i, count] of counts.entries()) assert.strictEqual((await count).contents, `${i + 2} words`);

  // What is not there is refused, and what is cancelled ends; the server lives.
  await assert.rejects(connection.sendRequest('textDocument/unknown', {}), { code: lsp.ErrorCodes.MethodNotFound });
  for (let i = 0; i < 20; i++) {
    const source = new lsp.CancellationTokenSource();
    const late = connection.sendRequest(lsp.HoverRequest.type, { textDocument: { uri } }, source.token);
    source.cancel();
    await late.catch(({ code }) => assert.strictEqual(code, lsp.LSPErrorCodes.RequestCancelled));
  }
  if (process.argv[4] === 'slow') {
    const source = new lsp.CancellationTokenSource();
    const slow = connection.sendRequest('slow', {}, source.token);
    await connection.sendNotification('$/nothing', {});
    setTimeout(() => source.cancel(), 20);
    await assert.rejects(slow, { code: lsp.LSPErrorCodes.RequestCancelled });
  }

  assert.strictEqual(await connection.sendRequest(lsp.ShutdownRequest.type), null);
  await connection.sendNotification(lsp.ExitNotification.type);
  assert.strictEqual(await exit, 0);
}

main().then(undefined, (error) => process.exit(console.error(error) ?? 1));
