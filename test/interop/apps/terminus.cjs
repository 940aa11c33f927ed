// As in the documentation of terminus.
const http = require('node:http');
const { createTerminus } = require('@godaddy/terminus');

const server = http.createServer((_request, response) => response.end('hello'));

createTerminus(server, {
  healthChecks: { '/healthcheck': () => Promise.resolve() },
  onSignal: async () => console.log('server is starting cleanup'),
  onShutdown: async () => console.log('cleanup finished, server is shutting down'),
  logger: (message, error) => console.log(`terminus: ${message} ${error}`),
});
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
