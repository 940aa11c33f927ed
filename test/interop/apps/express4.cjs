// With a graceful shutdown, as in the documentation of Express.
const express = require('express4');

const app = express();
app.get('/', (_req, res) => res.json({ pid: process.pid }));
const server = app.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));

process.on('SIGTERM', () => {
  console.log('SIGTERM: closing HTTP server');
  server.close(() => console.log('HTTP server closed'));
});
