'use strict';

// A language server made with vscode-languageserver, unmodified, over the channel.

const { createRequire } = require('node:module');
const load = createRequire(`${process.env.CROSSFORK_TEST_MODULES}/`);
const { createConnection, ProposedFeatures } = load('vscode-languageserver/node');

const connection = createConnection(ProposedFeatures.all);
connection.onInitialize(() => ({ capabilities: { hoverProvider: true } }));
connection.onHover(({ position }) => ({ contents: `line ${position.line}` }));
connection.onReferences(async (_params, _token, _work, results) => {
  results?.report([{ uri: 'a', range: null }]);
  results?.report([{ uri: 'b', range: null }]);
  return [];
});
connection.listen();
