'use strict';

const http = require('node:http');

// Plain Node: it does not know that there are others like it, nor what its primary is written in.
const app = http.createServer((_request, response) => response.end(`served by node, pid is ${process.pid}\n`));
app.listen({ port: 0, host: '127.0.0.1' });
