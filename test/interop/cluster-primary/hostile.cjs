'use strict';

// A hostile worker; the message says what it does.

const { readSync, writeSync } = require('node:fs');

/** Where Node has its channel when nobody says otherwise. */
const CHANNEL = 3;

const deeds = {
  /** What is neither JSON nor a message, and half a message at the end. */
  garbage() {
    for (const text of [
      '',
      '{',
      '\u0000\u0001',
      'undefined',
      '{"cmd":"NODE_CLUSTER"',
      '{"cmd":"NODE_CLUSTER","act":7}',
      '{"cmd":"NODE_CLUSTER","ack":"x"}',
      '{"cmd":"NODE_CLUSTER","act":"queryServer","addressType":{}}',
      '{"cmd":"NODE_CLUSTER","act":"close"}',
      '{"cmd":"NODE_HANDLE","type":"net.Native","msg":{"cmd":"NODE_CLUSTER","act":"online"}}',
      '{"cmd":"NODE_HANDLE_ACK"}',
    ])
      raw(`${text}\n`);
    process.send('done');
  },
  /** More messages than anybody wants. */
  flood({ megabytes }) {
    const text = `${JSON.stringify('x'.repeat(60_000))}\n`;
    for (let sent = 0; sent < megabytes * 1e6; sent += text.length) raw(text);
    process.send('done');
  },
  /** Lines that are no messages, and long. */
  noise({ megabytes }) {
    const text = `${'#'.repeat(1e6)}\n`;
    for (let sent = 0; sent < megabytes * 1e6; sent += text.length) raw(text);
    process.send('done');
  },
  /** Questions whose answers repeat a long name. Nothing is read meanwhile. */
  questions({ count }) {
    for (const cmd of ['NODE_SOCKET_GET_COUNT', 'NODE_SOCKET_NOTIFY_CLOSE']) {
      for (let i = 0; i < count / 2; i++) raw(`${JSON.stringify({ cmd, key: `${i}`.padEnd(1e6, 'k') })}\n`);
    }
    process.send('done');
  },
  /** Replies to whatever it may have been asked, and what others were. */
  replies() {
    for (let ack = 0; ack < 20_000; ack++) cluster({ ack, accepted: ack % 2 === 0 });
    process.send('done');
  },
  /** Servers without end. */
  queries({ count, addressType }) {
    const answers = [];
    process.on('internalMessage', ({ ack, errno }) => {
      if (ack === undefined) return;
      answers.push(errno);
      if (answers.length === count) process.send({ errors: [...new Set(answers)], ports: answers.indexOf(-24) });
    });
    for (let index = 0; index < count; index++) {
      cluster({ act: 'queryServer', index, data: null, address: '127.0.0.1', port: 0, addressType });
    }
  },
  /** More than a server could have to share. */
  data() {
    const data = 'x'.repeat(1 << 20);
    cluster({ act: 'queryServer', index: 0, data, address: '127.0.0.1', port: 0, addressType: 4 });
    process.send('done');
  },
  /** Takes connections and says so, and never acknowledges them. */
  greedy({ port }) {
    cluster({ act: 'queryServer', index: 0, data: null, address: '127.0.0.1', port, addressType: 4 });
    process.once('internalMessage', () => {
      process.send('done', () => {
        // From now on only we read the channel, and no handle is acknowledged.
        process.channel.readStop();
        const bytes = Buffer.alloc(65536);
        setInterval(() => {
          let text = '';
          try {
            text = String(bytes.subarray(0, readSync(CHANNEL, bytes)));
          } catch {}
          for (const [, seq] of text.matchAll(/"newconn".*?"seq":(\d+)/g))
            cluster({ ack: Number(seq), accepted: true });
        }, 5);
      });
    });
  },
};

let seq = 1000;

function cluster(fields) {
  raw(`${JSON.stringify({ cmd: 'NODE_CLUSTER', ...fields, seq: seq++ })}\n`);
}

function raw(text) {
  let bytes = Buffer.from(text);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(CHANNEL, bytes));
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

process.on('message', (message) => deeds[message.do]?.(message));
