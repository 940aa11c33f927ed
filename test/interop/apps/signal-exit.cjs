const http = require('node:http');
const { onExit } = require('signal-exit');

onExit((code, signal) => console.log(`exit hook: ${code} ${signal}`));
const server = http.createServer((_request, response) => response.end('hello'));
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
