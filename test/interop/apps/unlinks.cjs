// A server at SOCKET that removes the path before it listens, as many do, so that it starts after a crash. TIDIES: and when it
// ends.
const { unlinkSync } = require('node:fs');

const { FRAMEWORK, KEEPS, OPEN, SOCKET, TIDIES } = process.env;

if (!KEEPS) {
  try {
    unlinkSync(SOCKET);
  } catch {}
}

if (TIDIES) {
  process.on('exit', () => {
    try {
      unlinkSync(SOCKET);
    } catch {}
  });
}

if (FRAMEWORK === 'fastify') {
  const app = require('fastify')();
  app.get('/', async () => `${process.pid}`);
  app.listen({ path: SOCKET });
} else if (FRAMEWORK === 'express') {
  const app = require('express')();
  app.get('/', (_req, res) => res.send(`${process.pid}`));
  app.listen(SOCKET);
} else {
  const server = require('node:http').createServer((_, response) => response.end(`${process.pid}`));
  server.listen({ path: SOCKET, readableAll: Boolean(OPEN), writableAll: Boolean(OPEN) });
}
