// Clients of what workers serve.
import dgram from 'node:dgram';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import net from 'node:net';
import tls from 'node:tls';
import { get } from '../../http.mjs';

const { within } = createRequire(import.meta.url)('../kit/wait.cjs');

/** One request over a connection of its own: the process that answered. */
export function request(address, path = '/') {
  const answered = get(address, path).then(({ body }) => pidIn(body));
  return within(answered, `an answer from ${JSON.stringify(address)}`);
}

const pidIn = (text) => Number(/^pid (\d+)/.exec(text)?.[1]);

/** A connection to a server that says who it is: `{ socket, pid }`. */
export async function connect(port) {
  const socket = net.connect(port, '127.0.0.1');
  const [text] = await within(once(socket, 'data'), 'a greeting');
  return { socket, pid: pidIn(String(text)) };
}

/** How a connection ended: `data`, `end` or the code of an error. */
export function fateOf(port) {
  const socket = net.connect(port, '127.0.0.1');
  const fate = new Promise((resolve) => {
    socket.once('data', (text) => resolve(String(text).startsWith('pid ') ? pidIn(String(text)) : 'data'));
    socket.once('end', () => resolve('end'));
    socket.once('error', ({ code }) => resolve(code));
  });
  return within(fate, 'the connection to be served or closed').finally(() => socket.destroy());
}

/** A TLS connection, and whether it resumed `session`: `{ pid, reused, session }`. */
export async function secure(port, session) {
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion: 'TLSv1.2', session });
  let text = '';
  socket.on('data', (bytes) => {
    text += bytes;
  });
  await within(once(socket, 'end'), 'an answer over TLS');
  return { pid: pidIn(text), reused: socket.isSessionReused(), session: socket.getSession() };
}

/** Sends a datagram, and gives who answered. */
export async function datagram(type, port, text = 'ping') {
  const socket = dgram.createSocket(type);
  try {
    socket.send(text, port, type === 'udp6' ? '::1' : '127.0.0.1');
    const [answer] = await within(once(socket, 'message'), 'the datagram to come back');
    const [pid, rest] = String(answer).split(' ');
    return { pid: Number(pid), text: rest };
  } finally {
    socket.close();
  }
}
