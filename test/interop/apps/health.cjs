// An HTTP server that can be blocked, and that says at /health whether it is well. MODE says how it is.
const http = require('node:http');
const https = require('node:https');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');

const { MODE, OTHER, SOCKET } = process.env;

let asked = 0;

function health(request, response) {
  asked++;
  const { remoteAddress = 'none' } = request.socket;
  const answers = {
    // It is well when it has been asked three times.
    slowly: () => (asked < 3 ? 503 : 200),
    moved: () => 302,
    unwell: () => 500,
    resets: () => request.socket.resetAndDestroy?.() ?? request.socket.destroy(),
    mute: () => console.log('health: no answer'),
    early: () => {
      request.socket.write('HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n');
      return 200;
    },
  };
  const status = answers[MODE] ? answers[MODE]() : 200;
  if (typeof status !== 'number') return;
  console.log(`health: ${status} for ${request.headers.host} from ${remoteAddress}`);
  response.statusCode = status;
  response.end();
}

const server = MODE === 'tls' ? https.createServer(credentials()) : http.createServer();
server.on('request', (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  if (pathname === '/health') return health(request, response);
  if (pathname === '/block') {
    console.log('blocked');
    const ms = searchParams.get('ms');
    if (ms === null) for (;;);
    block(Number(ms));
  }
  // A log may be late.
  response.setHeader('Times-Asked', asked);
  response.end(`${process.pid}`);
});

// Blocks most of the time.
if (MODE === 'busy') setInterval(() => block(8), 10);
if (MODE === 'handler') process.on('SIGTERM', () => process.exit(5));
if (MODE === 'throws') throw new Error('it cannot start');
if (MODE === 'crashes') setTimeout(() => process.exit(9), 1000);
if (MODE === 'hangs') block();

if (MODE === 'silent') setInterval(() => {}, 1000);
else if (OTHER) http.createServer((_, response) => response.end()).listen(0, '127.0.0.1', listen);
else listen();

/** The event loop waits, and uses no processor meanwhile. */
function block(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function listen() {
  const place = SOCKET ? [SOCKET] : [Number(process.env.PORT ?? 0), '127.0.0.1'];
  server.listen(...place, () => console.log(`port ${server.address().port}`));
}

function credentials() {
  const pem = readFileSync(join(__dirname, 'localhost.pem'));
  return { key: pem, cert: pem };
}
