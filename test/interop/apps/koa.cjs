const { text } = require('node:stream/consumers');
const Koa = require('koa');

const app = new Koa();
app.use(async (ctx) => {
  ctx.body = ctx.path === '/echo' ? await text(ctx.req) : { pid: process.pid };
});
const server = app.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
