// As in the documentation of close-with-grace, with Fastify.
import closeWithGrace from 'close-with-grace';
import fastify from 'fastify';

const app = fastify();
app.addHook('onClose', async () => console.log('Fastify closed'));
app.get('/', async () => ({ pid: process.pid }));

closeWithGrace({ delay: 10_000 }, async ({ signal }) => {
  await app.close();
  console.log(`closed with grace: ${signal}`);
});

await app.listen({ port: 0, host: '127.0.0.1' });
console.log(`port ${app.server.address().port}`);
