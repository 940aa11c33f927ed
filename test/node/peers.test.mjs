// Passes descriptors between unrelated processes: Node, Rust and Python.
import assert from 'node:assert';
import { spawn, spawnSync } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { artifact } from '../artifacts.mjs';
import './native.mjs';

const require = createRequire(import.meta.url);
const { closeFd, createFdServer, describeFd, dup, mapFd, memfd, recvFds, socketpair } = require('../../js/index.cjs');
const { event, until, within } = require('../interop/kit/wait.cjs');

const folder = mkdtempSync(join(tmpdir(), 'crossfork-'));
after(() => rmSync(folder, { recursive: true }));
const peer = (file) => join(import.meta.dirname, 'peers', file);
const hasPython = spawnSync('python3', ['-c', 'import socket; socket.send_fds']).status === 0;

const PEERS = {
  node: [process.execPath, peer('peer.cjs')],
  rust: [artifact('fd-peer')],
  python: ['python3', peer('peer.py')],
};
const skip = (name) => name === 'python' && !hasPython && 'Python with send_fds is not installed';

let paths = 0;

/** Starts a peer. Returns the FdSocket of its connection. */
async function start(t, name, how, type) {
  const path = join(folder, `${++paths}`);
  const server = createFdServer(path, { type });
  const [file, ...args] = PEERS[name];
  const child = spawn(file, [...args, how, type, path], { stdio: ['ignore', 'inherit', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const [socket] = await event(server, 'connection');
  server.close();
  t.after(() => socket.destroy());
  return { socket, child, event: type === 'stream' ? 'data' : 'message' };
}

/** Waits for the next message, and takes its descriptors. */
async function take(t, { socket, event: name }) {
  const [data, fds] = await within(
    new Promise((resolve) => socket.once(name, (data, fds) => resolve([String(data), fds.takeAll()]))),
    'a message',
  );
  t.after(() => fds.forEach(closeFd));
  return [data, fds];
}

const opened = (t, path, flags = 'r') => {
  const fd = openSync(path, flags);
  t.after(() => closeSync(fd));
  return fd;
};

/** Device and inode, which are the same in every process. */
const identity = (fd) => {
  const { dev, ino } = require('node:fs').fstatSync(fd);
  return `${dev} ${ino}`;
};

for (const name of Object.keys(PEERS)) {
  for (const type of ['stream', 'seqpacket']) {
    test(`${name}, ${type}: descriptors of every kind are echoed`, { skip: skip(name) }, async (t) => {
      const connection = await start(t, name, 'echo', type);
      const server = net.createServer().listen(0, '127.0.0.1');
      await event(server, 'listening');
      t.after(() => server.close());
      const udp = dgram.createSocket('udp4').bind(0, '127.0.0.1');
      await event(udp, 'listening');
      t.after(() => udp.close());
      const pipe = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] });
      t.after(() => pipe.kill());
      const memory = memfd('crossfork-test', 'x');
      t.after(() => closeFd(memory));
      const [half, other] = socketpair();
      t.after(() => [half, other].forEach(closeFd));
      const handles = [opened(t, import.meta.filename), opened(t, '/'), server, udp, pipe.stdin, memory, half];
      connection.socket.send('all of it', handles);
      const [text, fds] = await take(t, connection);
      assert.strictEqual(text, 'all of it');
      assert.deepStrictEqual(
        fds.map((fd) => [identity(fd), describeFd(fd).kind]),
        handles.map((handle) => [identity(describeFd(handle).fd), describeFd(handle).kind]),
      );
    });

    test(`${name}, ${type}: 1 and 253 descriptors in one message`, { skip: skip(name) }, async (t) => {
      const connection = await start(t, name, 'echo', type);
      for (const count of [1, 253, 1]) {
        connection.socket.send(`${count}`, new Array(count).fill(opened(t, '/')));
        const [text, fds] = await take(t, connection);
        assert.deepStrictEqual([text, fds.length], [`${count}`, count]);
      }
    });

    test(`${name}, ${type}: the peer reads a file`, { skip: skip(name) }, async (t) => {
      const connection = await start(t, name, 'read', type);
      const path = join(folder, 'file');
      writeFileSync(path, 'what is in the file');
      connection.socket.send('x', opened(t, path));
      assert.deepStrictEqual(await take(t, connection), ['what is in the file', []]);
    });
  }
}

for (const name of ['node', 'rust']) {
  test(`${name}: the peer serves a TCP server after its first owner has closed it`, async (t) => {
    const connection = await start(t, name, 'serve', 'seqpacket');
    const server = net.createServer().listen(0, '127.0.0.1');
    await event(server, 'listening');
    const { port } = server.address();
    connection.socket.send('x', server);
    const [pid] = await take(t, connection);
    server.close();
    for (let i = 0; i < 3; i++) {
      const client = net.connect(port, '127.0.0.1').setEncoding('utf8');
      const [text] = await event(client, 'data');
      assert.strictEqual(text, `from ${pid}`);
      client.destroy();
    }
  });
}

test('node: the peer uses a UDP socket after its first owner has closed it', async (t) => {
  const connection = await start(t, 'node', 'serve', 'seqpacket');
  const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1');
  await event(socket, 'listening');
  const { port } = socket.address();
  connection.socket.send('x', socket);
  const [pid] = await take(t, connection);
  socket.close();
  const client = dgram.createSocket('udp4');
  t.after(() => client.close());
  client.send('hello', port, '127.0.0.1');
  const [text] = await event(client, 'message');
  assert.strictEqual(String(text), `from ${pid}`);
});

test('node: memory is shared with the peer', async (t) => {
  const connection = await start(t, 'node', 'map', 'seqpacket');
  const fd = memfd('crossfork-test', Buffer.alloc(4096));
  const memory = mapFd(fd);
  connection.socket.send('x', fd);
  closeFd(fd);
  await take(t, connection);
  assert.match(String(memory), /^written by the peer/);
});

test('node: mapFd does not copy the memory', (t) => {
  const rss = () => process.memoryUsage().rss;
  const fd = memfd('crossfork-test');
  t.after(() => closeFd(fd));
  require('node:fs').truncateSync(`/proc/self/fd/${fd}`, 100 * 1024 * 1024);
  const before = rss();
  const maps = Array.from({ length: 20 }, () => mapFd(fd));
  assert.ok(rss() - before < 50 * 1024 * 1024, '2 GB were mapped, but the resident memory barely grew');
  assert.strictEqual(maps[19].length, 100 * 1024 * 1024);
});

test('descriptors in flight are closed when the peer dies', async (t) => {
  const { socket, child } = await start(t, 'node', 'die', 'seqpacket');
  const [mine, theirs] = socketpair();
  t.after(() => closeFd(mine));
  socket.resume();
  const closed = once(socket, 'close');
  socket.send('x', theirs);
  closeFd(theirs);
  await within(closed, 'the end');
  await until(() => child.exitCode !== null || child.signalCode !== null, 'the peer is gone');
  // The kernel closes the peer's descriptors.
  await until(() => recvFds(mine)?.end, 'the descriptor is closed');
});

test('python: the peer sees truncated control data', { skip: skip('python') }, async (t) => {
  for (const type of ['stream', 'seqpacket']) {
    const connection = await start(t, 'python', 'one', type);
    const [mine, theirs] = socketpair();
    t.after(() => closeFd(mine));
    for (const [handles, answer] of [
      [[theirs], '1 whole'],
      [[theirs, theirs, theirs, theirs, theirs], 'truncated'],
      [[theirs], '1 whole'],
    ]) {
      connection.socket.send('x', handles);
      const [text] = await take(t, connection);
      assert.ok(text.includes(answer), text);
    }
    // The kernel has closed the descriptors that did not fit.
    closeFd(theirs);
    await until(() => recvFds(mine)?.end, 'all copies are closed');
  }
});

for (const type of ['stream', 'seqpacket']) {
  for (const how of ['die at once', 'die answering']) {
    test(`${type}: the socket ends and leaks nothing when the peer does this: ${how}`, async (t) => {
      const before = readdirSync('/proc/self/fd').length;
      const { socket, child, event: name } = await start(t, 'node', how, type);
      const seen = [];
      let bytes = 0;
      socket.on(name, (data) => {
        bytes += data.length;
      });
      for (const event of ['end', 'error', 'close']) socket.on(event, (value) => seen.push(value?.code ?? event));
      socket.send('x', [0, 0]);
      await until(() => seen.includes('close'), 'the close');
      assert.match(seen.join(), /^(end|ECONNRESET|EPIPE),close$/);
      if (how === 'die answering') assert.ok(bytes > 0, 'data that it sent before was received');
      await until(() => child.exitCode !== null || child.signalCode !== null, 'the peer is gone');
      await until(() => readdirSync('/proc/self/fd').length <= before, 'nothing is left open');
    });
  }
}

test('if a peer dies while much data is in flight, the socket fails or ends, and leaks nothing', async (t) => {
  for (let i = 0; i < 5; i++) {
    const before = readdirSync('/proc/self/fd').length;
    const { socket, child } = await start(t, 'node', 'echo', i % 2 ? 'stream' : 'seqpacket');
    const errors = [];
    socket.on('error', (error) => errors.push(error.code));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const file = dup(0);
    for (let j = 0; j < 2000; j++) socket.send(Buffer.alloc(2000), file);
    closeFd(file);
    if (i > 1) socket.resume();
    setTimeout(() => child.kill('SIGKILL'), i * 5);
    await within(closed, 'the end');
    for (const code of errors) assert.ok(['EPIPE', 'ECONNRESET'].includes(code), code);
    await until(() => readdirSync('/proc/self/fd').length <= before, 'nothing is left open');
  }
});
