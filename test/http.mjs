// One HTTP request, and a port for a server.
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { createServer } from 'node:net';

/**
 * Sends one request, over a connection of its own unless `options` have an agent.
 * @param {number | string | object} target a port of 127.0.0.1, the path of a socket, or options of http.request()
 * @param {string} path
 * @param {object} [options] of http.request(), and
 * @param {boolean} [options.secure] over TLS, whatever the certificate
 * @param {string} [options.body] of the request
 * @param {(response: object) => void} [options.onResponse] called when the head has arrived
 * @param {(body: string) => void} [options.onData] called with what has arrived of the body
 * @returns {Promise<{ status: number, body: string }>}
 */
export function get(target, path = '/', { secure = false, body, onResponse, onData, ...options } = {}) {
  const { request } = secure ? https : http;
  return new Promise((resolve, reject) => {
    const own = { ...where(target), path, agent: false, rejectUnauthorized: false, ...options };
    const sent = request(own, (response) => {
      onResponse?.(response);
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part) => {
        text += part;
        onData?.(text);
      });
      response.on('end', () => resolve({ status: response.statusCode, body: text }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

function where(target) {
  if (typeof target === 'number') return { port: target, host: '127.0.0.1' };
  return typeof target === 'string' ? { socketPath: target } : target;
}

/** A port that is free, as far as one can know. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
