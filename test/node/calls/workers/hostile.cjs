'use strict';

// A worker by hand that is as wrong as it can be around a right answer.

const rpc = (message) => process.send({ jsonrpc: '2.0', ...message });

process.on('message', ({ id, method }) => {
  if (method === '$/crossfork/hello')
    rpc({ id, result: { concurrency: -1, methods: 'many' }, crossfork: { bundles: 1 } });
  if (method === '$/crossfork/bye') process.disconnect();
  if (method !== 'f') return;
  for (const other of [id + 1, id - 1, `${id}`, null, undefined, {}, [id], true])
    rpc({ id: other, result: 'of another' });
  for (const params of [undefined, null, [], [id], { id: null }, { id: {} }, {}])
    rpc({ method: '$/cancelRequest', params });
  for (const params of [
    undefined,
    null,
    [],
    { token: id },
    { token: id, value: { items: 1 } },
    { token: `${id}`, value: {} },
  ]) {
    rpc({ method: '$/progress', params });
    rpc({ method: '$/crossfork/credit', params });
  }
  rpc({ method: 5 });
  rpc({ id: null, method: 'f' });
  rpc({ id: {}, method: 'f' });
  process.send([]);
  process.send([[{ jsonrpc: '2.0', id, result: 'nested' }]]);
  process.send([{ jsonrpc: '2.0', method: 'nobody' }, [{ jsonrpc: '2.0', id, result: 'nested' }], null, 5]);
  for (let i = 0; i < 1000; i++) rpc({ method: '$/progress', params: { token: id, value: { progress: i } } });
  rpc({ id, result: 'the answer', crossfork: { rss: -5 } });
  rpc({ id, result: 'the answer again' });
  rpc({ id, error: { code: -32099, message: 'or not begun' } });
  rpc({ method: '$/progress', params: { token: id, value: { progress: 'late' } } });
});
