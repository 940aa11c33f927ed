const app = require('fastify')();

app.get('/', async () => ({ pid: process.pid }));
app.post('/echo', async (request) => request.body);
app.listen({ port: 0, host: '127.0.0.1' }).then(() => console.log(`port ${app.server.address().port}`));
