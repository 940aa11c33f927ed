'use strict';

// An end that is vscode-jsonrpc's, unmodified, over the channel.

const { createRequire } = require('node:module');
const load = createRequire(`${process.env.CROSSFORK_TEST_MODULES}/`);
const rpc = load('vscode-jsonrpc/node');

const connection = rpc.createMessageConnection(new rpc.IPCMessageReader(process), new rpc.IPCMessageWriter(process));
const notes = [];
connection.onRequest('echo', (value) => value);
connection.onRequest('arguments', (...args) => args.slice(0, -1));
connection.onRequest('fails', () => {
  throw new rpc.ResponseError(-32050, 'chosen', { more: 1 });
});
connection.onRequest('throws', () => {
  throw new TypeError('unexpected');
});
connection.onRequest(
  'waits',
  (_, token) => new Promise((resolve) => token.onCancellationRequested(() => resolve('stopped'))),
);
connection.onRequest('works', async ({ workDoneToken, partialResultToken }) => {
  const report = (token, value) => connection.sendNotification('$/progress', { token, value });
  await report(workDoneToken, { kind: 'begin' });
  await report(partialResultToken, [1, 2]);
  await report(partialResultToken, [3]);
  return null;
});
connection.onRequest('asksBack', (n) => connection.sendRequest('double', n));
connection.onNotification('note', (text) => notes.push(text));
connection.onRequest('notes', () => notes);
connection.listen();
process.on('disconnect', () => process.exit(0));
