'use strict';

// A language server made with serve: the other side is vscode-jsonrpc.

const { serve } = require('../../../../js/index.cjs');

const seen = [];
serve(
  {
    initialize: () => ({ capabilities: { hoverProvider: true } }),
    initialized() {},
    async 'textDocument/didChange'({ version }) {
      await new Promise((resolve) => setTimeout(resolve, 20 - version));
      seen.push(version);
    },
    'textDocument/hover': () => ({ contents: seen.join(' ') }),
    arguments: (...args) => args.slice(0, -1),
    async 'textDocument/references'(_, cx) {
      cx.progress({ kind: 'begin', title: 'looking' });
      return references();
    },
    fails() {
      throw Object.assign(new Error('chosen'), { code: -32050, data: { more: 1 } });
    },
    async waits(_, cx) {
      await new Promise((resolve) => cx.signal.addEventListener('abort', resolve));
      seen.push('cancelled');
      throw cx.signal.reason;
    },
    asksBack: (n, cx) => cx.peer.call('double', n),
    shutdown: () => null,
  },
  { ordered: false },
);

async function* references() {
  yield [{ uri: 'a' }];
  yield [{ uri: 'b' }];
}
