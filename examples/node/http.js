'use strict';

const http = require('node:http');

// Plain Node: the server that the parent sends is used as if it were our own.
const app = http.createServer((_request, response) => response.end(`served by node, pid is ${process.pid}\n`));
process.on('message', (message, server) => {
  if (message === 'server') app.listen(server, () => process.send('listening'));
});
process.on('disconnect', () => app.close());
