'use strict';

// Zero downtime restart: a new process takes the listening socket over from the old one, which drains and exits.
//
//   node examples/fd/restart.js           serve; start it again, and the new process takes over (PORT=8080)
//   node examples/fd/restart.js --once    two generations, with requests all the time
const { connect, createFdServer } = require('crossfork');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const http = require('node:http');

// Where the running process can be found. An abstract name has no permissions: use a path that only you can reach.
const CONTROL = `\0${process.env.CONTROL ?? 'crossfork-restart'}`;

const app = http.createServer((_, response) => response.end(`served by ${process.pid}\n`));

async function serve() {
  const inherited = await inheritedFd();
  app.listen(
    inherited === undefined ? { port: Number(process.env.PORT ?? 8000), host: '127.0.0.1' } : { fd: inherited },
  );
  await once(app, 'listening');
  console.log(`${process.pid} serves http://127.0.0.1:${app.address().port}/`);

  const control = createFdServer(CONTROL, (successor) => {
    control.close(); // its name is free for the successor
    successor.end('listener', app); // the descriptor of the server
    app.close(() => console.log(`${process.pid} has drained`)); // graceful shutdown: requests in flight are finished
    app.closeIdleConnections();
  });
}

/** The listening socket of the process that runs now, if there is one. */
async function inheritedFd() {
  try {
    const running = connect(CONTROL);
    const closed = once(running, 'close');
    const [, fds] = await once(running, 'data');
    const fd = fds.take();
    await closed; // the name is free
    return fd;
  } catch (error) {
    if (error.code === 'ECONNREFUSED') return undefined;
    throw error;
  }
}

async function demonstrate() {
  process.env.CONTROL = `crossfork-restart-${process.pid}`;
  process.env.PORT ??= '0';
  const first = generation();
  const [, address] = /(http:\S+)/.exec(String(await once(first.stdout, 'data')));
  const seen = new Set();
  let second;
  while (first.exitCode === null) {
    const response = await fetch(address, { headers: { connection: 'close' } });
    seen.add(await response.text());
    second ??= generation();
  }
  seen.add(await (await fetch(address, { headers: { connection: 'close' } })).text());
  console.log(`answers came from ${seen.size} processes, and no request failed`);
  second.kill();
}

function generation() {
  const child = spawn(process.execPath, [__filename], { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.pipe(process.stdout);
  return child;
}

if (process.argv.includes('--once')) demonstrate();
else serve();
