'use strict';

// Node's cluster with a worker in Rust that serves HTTPS and WebSockets: examples/web/main.rs.
//
//   cargo build --manifest-path examples/web/Cargo.toml
//   node examples/web/cluster.js CERTIFICATE.pem    makes a request, echoes over a WebSocket, shuts down gracefully
const cluster = require('node:cluster');
const https = require('node:https');
const { join } = require('node:path');
const { clusterFork } = require('crossfork');

const { CROSSFORK_WEB = join(__dirname, 'target/debug/web') } = process.env;
const PEM = process.argv[2];

cluster.on('listening', async (_, { port }) => {
  const options = { port, host: '127.0.0.1', rejectUnauthorized: false }; // the certificate is our own
  https.get(options, (response) => response.on('data', (text) => console.log(`https: ${String(text).trim()}`)));

  const headers = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': 13,
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  https.get({ ...options, path: '/echo', headers, agent: false }).on('upgrade', (_response, socket) => {
    socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69])); // the text "hi", with a mask of zeros
    socket.on('data', (frame) => {
      if (frame[0] === 0x81) {
        console.log(`websocket: ${frame.subarray(2)}`);
        cluster.disconnect(); // graceful shutdown
      } else if (frame[0] === 0x88) {
        console.log('websocket: closed by the worker');
        socket.end();
      }
    });
  });
});
cluster.on('exit', (_, code) => console.log(`worker: ended with exit code ${code}`));

clusterFork(CROSSFORK_WEB, ['127.0.0.1:0', PEM]);
