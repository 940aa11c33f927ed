'use strict';

// A worker by hand that says of every call that it has not begun it.

process.on('message', ({ id, method }) => {
  if (method === '$/crossfork/bye') process.disconnect();
  else if (method === '$/crossfork/hello') {
    process.send({ jsonrpc: '2.0', id, result: { concurrency: 1, methods: [] }, crossfork: { bundles: 1 } });
  } else process.send({ jsonrpc: '2.0', id, error: { code: -32099, message: 'somebody else' } });
});
