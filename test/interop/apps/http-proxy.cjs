// A reverse proxy in front of BACKEND.
const http = require('node:http');
const httpProxy = require('http-proxy');

const agent = new http.Agent({ keepAlive: true });
const proxy = httpProxy.createProxyServer({ target: process.env.BACKEND, agent });
proxy.on('error', (error, _request, response) => response.writeHead(502).end(error.message));
const server = http.createServer((request, response) => proxy.web(request, response));
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
