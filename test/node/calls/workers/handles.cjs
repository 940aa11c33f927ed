'use strict';

const net = require('node:net');
const { serve } = require('../../../../js/index.cjs');

serve({
  listen(_, cx) {
    const server = cx.handle;
    server.removeAllListeners('connection');
    server.on('connection', (socket) => socket.end('by the worker'));
    return server.address().port;
  },
  async open(_, cx) {
    const server = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address();
    return cx.withHandle(port, server);
  },
  ignore: () => 'ignored',
});
