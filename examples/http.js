'use strict';

// Node listens, and a Rust web application (examples/http_worker.rs) serves the requests.
//
//   node examples/http.js           serve until Ctrl-C (PORT=8080 for another port)
//   node examples/http.js --once    make four requests, print the answers, stop
const { fork } = require('crossfork');
const { createServer } = require('node:net');
const { rust } = require('./rust.cjs');

const server = createServer().listen(Number(process.env.PORT ?? 8000), '127.0.0.1', () => {
  const { port } = server.address();
  const worker = fork(rust('http_worker'));
  worker.send('server', server, () => server.close()); // Node closes its copy: from now on only Rust accepts
  worker.once('message', async () => {
    console.log(`http://127.0.0.1:${port}/ is served by process ${worker.pid}`);
    if (!process.argv.includes('--once')) return;
    for (let i = 1; i <= 4; i++) {
      const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
      console.log(`request ${i}: ${(await response.text()).trim()}`);
    }
    worker.disconnect();
  });
});
