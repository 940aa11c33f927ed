'use strict';

// A worker by hand that knows nothing but JSON-RPC.

process.on('message', ({ id, method, params }) => {
  if (method === 'echo') process.send({ jsonrpc: '2.0', id, result: params[0] });
  else if (id !== undefined) process.send({ jsonrpc: '2.0', id, error: { code: -32601, message: 'no such method' } });
});
