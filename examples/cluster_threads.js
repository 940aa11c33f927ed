'use strict';

// Node's cluster with a Rust worker (examples/cluster_threads.rs) beside a Node worker, on one port.
//
//   node examples/cluster_threads.js           serve until Ctrl-C (PORT=8080 for another port)
//   node examples/cluster_threads.js --once    make four requests, print the answers, stop
const cluster = require('node:cluster');
const http = require('node:http');
const { clusterFork } = require('crossfork');
const { rust } = require('./rust.cjs');

const HOST = '127.0.0.1';

if (cluster.isPrimary) main();
else http.createServer((_, response) => response.end('hello from Node\n')).listen(Number(process.env.PORT), HOST);

async function main() {
  const port = process.env.PORT ?? '8000';
  let listening = 0;
  cluster.on('listening', async (_, address) => {
    if (++listening < 2) return;
    console.log(`http://${HOST}:${address.port}/ is served by Node and Rust`);
    if (!process.argv.includes('--once')) return;
    for (let i = 1; i <= 4; i++) {
      const response = await fetch(`http://${HOST}:${address.port}/`, { headers: { connection: 'close' } });
      console.log(`request ${i}: ${(await response.text()).trim()}`);
    }
    cluster.disconnect(); // graceful shutdown of both
  });
  cluster.fork({ PORT: port });
  clusterFork(rust('cluster_threads'), [`${HOST}:${port}`]);
}
