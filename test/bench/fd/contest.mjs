// One contest: how fast something goes to a process that was started for it. Prints the figure alone, in units a second.
//
//   contest.mjs fork|fd-socket COUNT                   handles, to a Node child, and to any process
//   contest.mjs usocket COUNT FOLDER                   the same, with the package in that folder
//   contest.mjs data-net|data-fd-socket COUNT SIZE     messages of a size, over a stream
//   contest.mjs packets-fd-socket COUNT SIZE           messages with borders
//   contest.mjs unix-dgram COUNT SIZE FOLDER           the same, with the package in that folder
//   contest.mjs map|copy BYTES                         memory handed over: as a mapping, or copied

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const { closeFd, createFdServer, dup, mapFd, memfd } = createRequire(import.meta.url)('../../../js/index.cjs');
const PEER = join(import.meta.dirname, 'peer.cjs');
const NAME = `crossfork-bench-${process.pid}`;
/** An abstract one, which leaves nothing behind. */
const PATH = `\0${NAME}`;

const [contest, first, ...more] = process.argv.slice(2);
const count = Number(first);
const size = Number(more[0]);
const other = (name) => createRequire(`${more.at(-1)}/`)(name);

async function startPeer(server, how, wanted, ...args) {
  const child = fork(PEER, [how, NAME, String(wanted), ...args]);
  return { child, socket: server && (await once(server, 'connection'))[0] };
}

async function listening() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** How much there is of it in a second. */
async function measure(count, act) {
  const start = process.hrtime.bigint();
  await act();
  return count / (Number(process.hrtime.bigint() - start) / 1e9);
}

const CONTESTS = {
  async fork() {
    const { child } = await startPeer(undefined, contest, count);
    await once(child, 'message');
    const server = await listening();
    return measure(count, async () => {
      // The raw handle: the peer is spared a net.Server for each.
      for (let i = 0; i < count; i++) child.send('x', server._handle);
      await once(child, 'message');
    });
  },

  async 'fd-socket'() {
    const { socket } = await startPeer(createFdServer(PATH, { type: 'seqpacket' }), contest, count);
    const server = await listening();
    return measure(count, async () => {
      for (let i = 0; i < count; i++) if (!socket.send('x', server)) await once(socket, 'drain');
      await once(socket, 'message');
    });
  },

  /** A window at a time, which the peer acknowledges: it loses descriptors when it would have to wait. */
  async usocket() {
    const { UServer } = other(contest);
    const path = join(tmpdir(), NAME);
    const server = new UServer();
    await new Promise((resolve) => server.listen(path, resolve));
    const { socket } = await startPeer(server, contest, count, WINDOW, more.at(-1));
    const fd = dup(await listening());
    const result = await measure(count, async () => {
      const data = Buffer.from('x');
      for (let i = 0; i < count; i += WINDOW) {
        for (let j = 0; j < WINDOW; j++) socket.write({ data, fds: [fd] });
        await once(socket, 'data');
      }
    });
    closeFd(fd);
    return result;
  },

  'data-net': () => data(net.createServer().listen(PATH), 'write'),
  'data-fd-socket': () => data(createFdServer(PATH), 'send'),
  'packets-fd-socket': () => data(createFdServer(PATH, { type: 'seqpacket' }), 'send', 'message'),

  /** Its sockets cannot answer, so that the peer does it through another. */
  async 'unix-dgram'() {
    const unix = other(contest);
    const path = join(tmpdir(), NAME);
    const { child } = await startPeer(undefined, contest, count, more.at(-1));
    await once(child, 'message');
    const client = unix.createSocket('unix_dgram');
    client.connect(path);
    let congested = false;
    client.on('congestion', () => {
      congested = true;
    });
    const message = Buffer.alloc(size);
    const round = async () => {
      const all = once(child, 'message');
      for (let i = 0; i < count; i++) {
        client.send(message);
        // It was not sent.
        for (; congested; client.send(message)) {
          congested = false;
          await once(client, 'writable');
        }
      }
      await all;
    };
    await round();
    return measure(count, round);
  },

  async map() {
    const fd = memfd('bench', Buffer.alloc(count));
    return measure(100, () => {
      for (let i = 0; i < 100; i++) mapFd(fd)[0] = 1;
    });
  },

  async copy() {
    const memory = Buffer.alloc(count, 1);
    return measure(20, () => {
      for (let i = 0; i < 20; i++) Buffer.from(memory)[0] = 1;
    });
  },
};

const WINDOW = 50;

/** The second round counts: the first warms up. */
async function data(server, send, event = 'data') {
  const { socket } = await startPeer(server, contest, count * size);
  const message = Buffer.alloc(size);
  const round = async () => {
    const all = once(socket, event);
    for (let i = 0; i < count; i++) if (!socket[send](message)) await once(socket, 'drain');
    await all;
  };
  await round();
  return measure(count, round);
}

console.log(await CONTESTS[contest]());
process.exit(0);
