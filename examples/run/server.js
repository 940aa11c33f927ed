'use strict';

// An ordinary server: `npx crossfork run server.js` runs it on every CPU.
const http = require('node:http');

const server = http.createServer((_, response) => response.end(`hello from process ${process.pid}\n`));
server.listen(Number(process.env.PORT ?? 8000));
