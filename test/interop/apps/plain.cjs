// An HTTP server that can be told what to do. It listens on SOCKET, a path, or on any port.
const cluster = require('node:cluster');
const http = require('node:http');
const { setTimeout } = require('node:timers');

const { MODE, NODE_APP_INSTANCE, SOCKET } = process.env;

const requests = {
  '/': () => `${process.pid}`,
  '/about': () =>
    JSON.stringify({
      instance: NODE_APP_INSTANCE,
      args: process.argv.slice(2),
      execArgv: process.execArgv,
      cwd: process.cwd(),
      env: process.env,
    }),
  '/crash': () => process.exit(3),
  '/throw': () => {
    setImmediate(() => {
      throw new Error('a bug in the program');
    });
    return 'soon';
  },
};

const server = http.createServer((req, res) => {
  const [, wait] = /^\/wait\/(\d+)$/.exec(req.url) ?? [];
  if (wait) {
    res.write(`${process.pid} begins\n`);
    setTimeout(() => res.end('done\n'), Number(wait));
  } else {
    res.end(requests[req.url]());
  }
});

// The pattern for an error that nothing has caught: accept no more, finish what was begun, and end.
process.on('uncaughtException', (error) => {
  console.error(`caught: ${error.message}`);
  server.close(() => process.exit(1));
  cluster.worker.disconnect();
});

if (MODE === 'fails') {
  console.error('it cannot start');
  process.exit(1);
}
if (MODE === 'stubborn') process.on('SIGTERM', () => console.log('SIGTERM is ignored'));
if (MODE === 'stubborn' || MODE === 'timer' || MODE === 'silent') setInterval(() => {}, 1000);
if (MODE !== 'silent') {
  server.listen(...(SOCKET ? [SOCKET] : [0, '127.0.0.1']), () => console.log(`port ${server.address().port}`));
}
