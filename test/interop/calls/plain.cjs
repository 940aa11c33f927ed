// A worker whose author has no library at all, and no idea of bundles, credit and greetings.
'use strict';
const running = new Map();

const methods = {
  double: ([n]) => 2 * n,
  area: ({ width, height }) => width * height,
  list: ([list]) => list.length,
  forever: (_, id) => new Promise((resolve) => running.set(id, resolve)),
  die: () => process.exit(7),
  throw() {
    throw new TypeError('thrown');
  },
  fail() {
    throw Object.assign(new Error('on purpose'), { rpc: -32042 });
  },
};

process.on('message', async ({ id, method, params }) => {
  if (id === undefined) return running.get(params?.id)?.(null);
  const answer = { jsonrpc: '2.0', id };
  if (!methods[method]) return process.send({ ...answer, error: { code: -32601, message: 'unknown' } });
  try {
    process.send({ ...answer, result: (await methods[method](params, id)) ?? null });
  } catch ({ rpc, message, name }) {
    process.send({ ...answer, error: { code: rpc ?? -32000, message, data: { name } } });
  }
});
