// One contest: how fast something goes to a process that was started for it. Prints the figure alone, in units a second.
//
//   contest.mjs fork|fd-socket COUNT                handles, to a Node child, and to any process
//   contest.mjs data-net|data-fd-socket SIZE COUNT  messages of a size, over a stream
//   contest.mjs map|copy BYTES                      memory handed over: as a mapping, or copied

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import net from 'node:net';
import { join } from 'node:path';

const { createFdServer, mapFd, memfd } = createRequire(import.meta.url)('../../../js/index.cjs');
const PEER = join(import.meta.dirname, 'peer.cjs');
const NAME = `crossfork-bench-${process.pid}`;
/** An abstract one, which leaves nothing behind. */
const PATH = `\0${NAME}`;

const [contest, ...numbers] = process.argv.slice(2);
const [first, second] = numbers.map(Number);

async function startPeer(server, how, count) {
  const child = fork(PEER, [how, NAME, String(count)]);
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
    const { child } = await startPeer(undefined, 'fork', first);
    await once(child, 'message');
    const server = await listening();
    return measure(first, async () => {
      // The raw handle: the peer is spared a net.Server for each.
      for (let i = 0; i < first; i++) child.send('x', server._handle);
      await once(child, 'message');
    });
  },

  async 'fd-socket'() {
    const { socket } = await startPeer(createFdServer(PATH, { type: 'seqpacket' }), contest, first);
    const server = await listening();
    return measure(first, async () => {
      for (let i = 0; i < first; i++) if (!socket.send('x', server)) await once(socket, 'drain');
      await once(socket, 'message');
    });
  },

  'data-net': () => data(net.createServer().listen(PATH), 'write'),
  'data-fd-socket': () => data(createFdServer(PATH), 'send'),

  async map() {
    const fd = memfd('bench', Buffer.alloc(first));
    return measure(100, () => {
      for (let i = 0; i < 100; i++) mapFd(fd)[0] = 1;
    });
  },

  async copy() {
    const memory = Buffer.alloc(first, 1);
    return measure(20, () => {
      for (let i = 0; i < 20; i++) Buffer.from(memory)[0] = 1;
    });
  },
};

/** The second round counts: the first warms up. */
async function data(server, send) {
  const { socket } = await startPeer(server, contest, first * second);
  const message = Buffer.alloc(first);
  const round = async () => {
    const all = once(socket, 'data');
    for (let i = 0; i < second; i++) if (!socket[send](message)) await once(socket, 'drain');
    await all;
  };
  await round();
  return measure(second, round);
}

console.log(await CONTESTS[contest]());
process.exit(0);
