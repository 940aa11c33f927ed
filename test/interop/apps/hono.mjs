// With a graceful shutdown, as in the documentation of Hono.
import { serve } from '@hono/node-server';
import { Hono } from 'hono';

const app = new Hono();
app.get('/', (c) => c.json({ pid: process.pid }));
const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => console.log(`port ${port}`));

process.on('SIGTERM', () => {
  server.close((error) => {
    console.log(`closed: ${error ?? 'no error'}`);
    process.exit(error ? 1 : 0);
  });
});
