// A WebSocket client that sends a short text, waits for its echo, and so on.
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';

const PAUSE_MS = 100;
const TEXT = 'hello';
const OPCODE = { text: 1, close: 8 };

/**
 * Talks until the server says goodbye with a close frame, which is `ok`, or until `isDone`, and then says so itself. A
 * connection that ends in another way is `reset`. After `patience` milliseconds without an echo it is `hung`.
 * @returns {Promise<{ verdict: import('./connection.mjs').Verdict }>}
 */
export function talk(port, patience, isDone) {
  const { promise, resolve } = promised();
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let state = 'opening';
  let received = Buffer.alloc(0);
  let timer;
  const end = (verdict) => {
    resolve({ verdict });
    clearTimeout(timer);
    socket.destroy();
  };
  const send = (opcode, text = '') => {
    socket.write(frame(opcode, text));
    wait();
  };
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(end, patience, 'hung');
  };
  const speak = () => {
    if (!isDone()) return send(OPCODE.text, TEXT);
    state = 'closing';
    send(OPCODE.close);
  };
  const read = () => {
    if (state === 'opening') {
      const at = received.indexOf('\r\n\r\n');
      if (at < 0) return;
      if (!received.toString('latin1').startsWith('HTTP/1.1 101 ')) return end('wrong');
      received = received.subarray(at + 4);
      state = 'open';
      speak();
    }
    while (received.length >= 2 && received.length >= 2 + received[1]) {
      const [opcode, payload] = [received[0] & 15, received.toString('latin1', 2, 2 + received[1])];
      received = received.subarray(2 + received[1]);
      if (opcode === OPCODE.close) return end('ok');
      if (payload !== TEXT) return end('wrong');
      clearTimeout(timer);
      timer = setTimeout(speak, PAUSE_MS);
    }
  };
  socket.on('data', (bytes) => {
    received = Buffer.concat([received, bytes]);
    read();
  });
  socket.on('error', ({ code }) => end(code === 'ECONNREFUSED' ? 'refused' : 'reset'));
  socket.on('close', () => end(state === 'closing' ? 'ok' : 'reset'));
  socket.write(upgrade());
  wait();
  return promise;
}

// Node 20 has no Promise.withResolvers.
function promised() {
  let resolve;
  const promise = new Promise((each) => (resolve = each));
  return { promise, resolve };
}

function upgrade() {
  const head = ['GET / HTTP/1.1', 'Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket'];
  const key = `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`;
  return `${[...head, 'Sec-WebSocket-Version: 13', key].join('\r\n')}\r\n\r\n`;
}

/** Clients mask what they send. */
function frame(opcode, text) {
  const mask = randomBytes(4);
  const payload = Buffer.from(text).map((byte, i) => byte ^ mask[i % 4]);
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length]), mask, payload]);
}
