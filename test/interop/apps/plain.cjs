// An HTTP server that can be told what to do. It listens on SOCKET, a path, or on PORT, or on any port.
const cluster = require('node:cluster');
const { spawnSync } = require('node:child_process');
const { readFileSync } = require('node:fs');
const http = require('node:http');

const { GATE, HANGS, MODE, NODE_APP_INSTANCE, PORT, SOCKET } = process.env;

// It starts when somebody writes to this pipe.
if (GATE) readFileSync(GATE);

// It never starts while this file says so.
if (HANGS && readFileSync(HANGS, 'utf8').startsWith('hang')) for (;;);

let ready = false;

const held = new Set();
process.on('SIGUSR2', () => {
  for (const response of held) response.end(' and done');
});

const requests = {
  '/': (response) => response.end(`${process.pid}`),
  '/about': (response) => {
    const { argv, execArgv, env } = process;
    response.end(JSON.stringify({ instance: NODE_APP_INSTANCE, argv, execArgv, env, cwd: process.cwd() }));
  },
  '/hold': (response) => {
    held.add(response);
    response.write(`${process.pid}`);
  },
  '/crash': () => process.exit(3),
  '/throw': (response) => {
    response.end();
    setImmediate(() => {
      throw new Error('a bug in the program');
    });
  },
  '/print': (response) => {
    console.log('to stdout');
    console.error('to stderr');
    response.end();
  },
  '/flood': (response) => {
    for (let i = 0; i < 100; i++) process.stdout.write(`${i} ${'x'.repeat(100_000)}\n`);
    process.stdout.write('', () => response.end('all written'));
  },
  '/orphan': (response) => {
    const { stdout } = spawnSync('sh', ['-c', 'sleep 1000 > /dev/null 2>&1 & echo $!'], { encoding: 'utf8' });
    response.end(stdout.trim());
  },
};

const server = http.createServer((request, response) => requests[request.url](response));

// The pattern for an error that nothing has caught: accept no more, finish what was begun, and end.
process.on('uncaughtException', (error) => {
  console.error(`caught: ${error.message}`);
  server.close(() => process.exit(1));
  cluster.worker.disconnect();
});

switch (MODE) {
  case 'fails':
    console.error('it cannot start');
    process.exit(1);
    break;
  // It listens, and has a bug that takes a while.
  case 'crashes':
    setTimeout(() => process.exit(9), 300);
    break;
  // It listens, and ends before anybody has asked for anything.
  case 'ends':
    server.on('listening', () => setTimeout(() => process.exit(9), 20));
    break;
  // As with Express 5, where `listen` gives the error to its callback.
  case 'swallows':
    console.error(`about to listen in ${process.pid}`);
    server.on('error', () => {});
    break;
  // It does something else before it can serve, and fails requests until then.
  case 'prepares':
    requests['/'] = (response) => {
      response.statusCode = ready ? 200 : 503;
      response.end(`${process.pid}`);
    };
    server.on('listening', () => {
      setTimeout(() => {
        ready = true;
        process.send('ready');
      }, 700);
    });
    break;
  case 'stubborn':
    process.on('SIGTERM', () => console.log('SIGTERM is ignored'));
    setInterval(() => {}, 1000);
    break;
  case 'reads':
    console.log(`supervisor ${process.ppid}`);
    console.log(`colors: ${process.env.FORCE_COLOR ?? 'none'}`);
    process.stdin.once('data', (text) => console.log(`read: ${text}`));
    process.stdin.once('end', () => console.log('read: '));
    break;
  case 'timer':
  case 'silent':
    setInterval(() => {}, 1000);
    break;
  case 'leaves':
    if (NODE_APP_INSTANCE !== '0') server.on('listening', () => setImmediate(() => cluster.worker.disconnect()));
    break;
}
if (MODE !== 'silent') {
  server.listen(...(SOCKET ? [SOCKET] : [Number(PORT ?? 0), '127.0.0.1']), () =>
    console.log(`port ${server.address().port}`),
  );
}
