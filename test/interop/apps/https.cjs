const { readFileSync } = require('node:fs');
const { createServer } = require('node:https');
const { join } = require('node:path');

// A key for tests, which everybody knows.
const pem = readFileSync(join(__dirname, 'localhost.pem'));
const server = createServer({ key: pem, cert: pem }, (_req, res) => res.end(JSON.stringify({ pid: process.pid })));
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
