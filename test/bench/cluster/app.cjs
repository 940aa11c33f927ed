'use strict';

// The worker of every contestant: it knows nothing of who starts it.

const { createServer } = require('node:http');

const body = `${process.pid}\n`;
const head = { 'content-type': 'text/plain', 'content-length': body.length };

createServer((_request, response) => response.writeHead(200, head).end(body)).listen(process.env.PORT, '127.0.0.1');
