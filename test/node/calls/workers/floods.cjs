'use strict';

// A worker by hand, that sends items without looking at any credit.

process.on('message', ({ id, method, params }) => {
  if (method !== 'flood') return;
  const token = params.isOurs ? id : params.partialResultToken;
  const value = params.isOurs ? { items: [0] } : 0;
  for (let i = 0; i < params.count; i++)
    process.send({ jsonrpc: '2.0', method: '$/progress', params: { token, value } });
  const extras = params.isOurs ? { crossfork: { bundles: 1 } } : {};
  process.send({ jsonrpc: '2.0', id, result: null, ...extras });
});
