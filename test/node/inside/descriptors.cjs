'use strict';

const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const dgram = require('node:dgram');
const fs = require('node:fs');
const net = require('node:net');
const { event } = require('../../interop/kit/wait.cjs');
const { abstractName, crossfork, run, thrown } = require('./kit.cjs');

const { adopt, closeFd, describeFd, dup, fdOf, setCloexec, setNonblocking, socketpair } = crossfork;
const isDeno = Boolean(process.versions.deno);
const denoHides = { unless: () => isDeno && 'Deno does not tell the descriptors of its TCP and UDP sockets' };

async function listening(t, options) {
  const server = net.createServer().listen(options);
  await event(server, 'listening');
  t.after(() => new Promise((resolve) => server.close(resolve)));
  return server;
}

run({
  'fdOf: an open descriptor number is returned unchanged': () => {
    assert.strictEqual(fdOf(1), 1);
    const error = thrown(() => fdOf(999_999));
    assert.deepStrictEqual([error.code, error.errno, error.syscall], ['EBADF', -9, 'fcntl']);
    assert.match(error.message, /^EBADF: bad file descriptor, fcntl$/);
  },

  'fdOf: a FileHandle, a stream of fs, anything with an fd': async (t) => {
    const file = await fs.promises.open('/');
    t.after(() => file.close());
    assert.strictEqual(fdOf(file), file.fd);
    assert.strictEqual(fdOf({ fd: file.fd }), file.fd);
    const [socket] = t.sockets();
    assert.strictEqual(fdOf(socket), socket.fd);
  },

  'fdOf: a net.Server and both ends of its connection': {
    ...denoHides,
    run: async (t) => {
      const server = await listening(t, { port: 0, host: '127.0.0.1' });
      const client = net.connect(server.address().port, '127.0.0.1');
      const [connection] = await event(server, 'connection');
      t.after(() => [client, connection].map((socket) => socket.destroy()));
      await event(client, 'ready');
      assert.strictEqual(describeFd(server).listening, true);
      assert.deepStrictEqual(describeFd(client).local.port, describeFd(connection).remote.port);
    },
  },

  'fdOf: a dgram.Socket, without a warning': {
    ...denoHides,
    run: async (t) => {
      const warnings = [];
      const warn = (warning) => warnings.push(warning);
      process.on('warning', warn);
      t.after(() => process.off('warning', warn));
      const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1');
      await event(socket, 'listening');
      assert.strictEqual(describeFd(socket).type, 'dgram');
      const closed = event(socket, 'close');
      socket.close();
      await closed;
      assert.match(thrown(() => fdOf(socket)).message, /has no descriptor/);
      assert.deepStrictEqual(warnings, []);
    },
  },

  'describeFd: files, directories, pipes, devices, memory': (t) => {
    const folder = t.folder();
    const file = t.opens(`${folder}/file`, 'a');
    const directory = t.opens(folder, 'r');
    const device = t.opens('/dev/null', 'r+');
    assert.deepStrictEqual(describeFd(file), {
      fd: file,
      kind: 'file',
      flags: { readable: false, writable: true, append: true, nonblocking: false, cloexec: true },
    });
    assert.strictEqual(describeFd(directory).kind, 'directory');
    assert.strictEqual(describeFd(device).kind, 'device');
    assert.strictEqual(describeFd(t.owns(crossfork.memfd('x'))).kind, 'memfd');
  },

  'describeFd: Unix sockets, with path, abstract name, or none': (t) => {
    for (const type of ['stream', 'seqpacket', 'dgram']) {
      const found = describeFd(t.pair(type)[0]);
      assert.deepStrictEqual([found.kind, found.family, found.type, found.listening], ['socket', 'Unix', type, false]);
      assert.strictEqual(found.local, undefined);
    }
    for (const path of [`${t.folder()}/socket`, abstractName()]) {
      const server = crossfork.createFdServer(path);
      const found = describeFd(server);
      server.close();
      assert.deepStrictEqual([found.listening, found.local], [true, path]);
    }
  },

  'dup: another number for the same open file, close-on-exec': (t) => {
    const [a, b] = t.pair('seqpacket');
    const copy = t.owns(dup(a));
    assert.notStrictEqual(copy, a);
    assert.ok(describeFd(copy).flags.cloexec);
    closeFd(a);
    crossfork.sendFds(copy, 'text');
    assert.strictEqual(String(crossfork.recvFds(b).data), 'text');
  },

  'setCloexec, setNonblocking: on and off': (t) => {
    const [fd] = t.pair();
    for (const on of [false, true, false]) {
      setCloexec(fd, on);
      setNonblocking(fd, on);
      const { cloexec, nonblocking } = describeFd(fd).flags;
      assert.deepStrictEqual([cloexec, nonblocking], [on, on]);
    }
    setCloexec(fd);
    assert.ok(describeFd(fd).flags.cloexec);
  },

  'closeFd: once': (t) => {
    const [fd] = t.pair();
    closeFd(fd);
    const error = thrown(() => closeFd(fd));
    assert.deepStrictEqual([error.code, error.syscall], ['EBADF', 'close']);
  },

  'adopt: a TCP server that keeps listening': {
    ...denoHides,
    run: async (t) => {
      const server = net.createServer().listen(0, '127.0.0.1');
      await event(server, 'listening');
      const { port } = server.address();
      const adopted = adopt(dup(server));
      assert.ok(adopted instanceof net.Server);
      t.after(() => new Promise((resolve) => adopted.close(resolve)));
      adopted.on('connection', (socket) => socket.end('from the adopted one'));
      await new Promise((resolve) => server.close(resolve));
      const client = net.connect(port, '127.0.0.1').setEncoding('utf8');
      t.after(() => client.destroy());
      const [text] = await event(client, 'data');
      assert.strictEqual(text, 'from the adopted one');
    },
  },

  'adopt: a Unix stream becomes a net.Socket, which owns it': async (t) => {
    const [a, b] = socketpair();
    const socket = adopt(a);
    assert.ok(socket instanceof net.Socket);
    const other = new crossfork.FdSocket(b);
    t.after(() => other.destroy());
    socket.write('ping');
    const [data] = await event(other, 'data');
    assert.strictEqual(String(data), 'ping');
    const closed = event(socket, 'close');
    socket.destroy();
    await closed;
    assert.strictEqual(thrown(() => describeFd(a)).code, 'EBADF');
  },

  'adopt: the end of a pipe': async (t) => {
    const path = `${t.folder()}/fifo`;
    assert.strictEqual(spawnSync('mkfifo', [path]).status, 0);
    const { O_NONBLOCK, O_RDONLY, O_WRONLY } = fs.constants;
    const ends = [O_RDONLY, O_WRONLY].map((how) => t.opens(path, how | O_NONBLOCK));
    assert.deepStrictEqual(
      ends.map((end) => describeFd(end)).map(({ kind, flags }) => [kind, flags.readable, flags.writable]),
      [
        ['pipe', true, false],
        ['pipe', false, true],
      ],
    );
    if (process.versions.bun) return assert.deepStrictEqual(ends.map(adopt), ends);
    const [output, input] = ends.map((end) => adopt(dup(end)));
    t.after(() => [input, output].map((stream) => stream.destroy()));
    assert.ok(input instanceof net.Socket);
    input.write('through the pipe');
    const [data] = await event(output, 'data');
    assert.strictEqual(String(data), 'through the pipe');
  },

  'adopt: a reset connection is still a connection, and reports the reset': {
    ...denoHides,
    run: async (t) => {
      const server = await listening(t, { port: 0, host: '127.0.0.1' });
      const client = net.connect(server.address().port, '127.0.0.1');
      const [connection] = await event(server, 'connection');
      await event(client, 'ready');
      const fd = dup(connection);
      const gone = new Promise((resolve) => connection.on('error', () => {}).on('close', resolve));
      connection.resume();
      if (client.resetAndDestroy) client.resetAndDestroy();
      else client.destroy();
      await gone;
      const { connected, listening: listens } = describeFd(fd);
      assert.deepStrictEqual([connected, listens], [true, false]);
      const adopted = adopt(fd);
      assert.ok(adopted instanceof net.Socket);
      const closed = new Promise((resolve) => adopted.on('error', () => {}).on('close', resolve));
      adopted.resume();
      await closed;
    },
  },

  'adopt: a UDP socket': {
    ...denoHides,
    run: async (t) => {
      const first = dgram.createSocket('udp4').bind(0, '127.0.0.1');
      await event(first, 'listening');
      const { port } = first.address();
      const adopted = adopt(dup(first));
      first.close();
      t.after(() => adopted.close());
      const sender = dgram.createSocket('udp4');
      t.after(() => sender.close());
      sender.send('datagram', port, '127.0.0.1');
      const [message] = await event(adopted, 'message');
      assert.strictEqual(String(message), 'datagram');
    },
  },

  'adopt: any other descriptor stays a number that the caller owns': (t) => {
    const directory = t.opens('/', 'r');
    assert.strictEqual(adopt(directory), directory);
    const [packets] = t.pair('seqpacket');
    assert.strictEqual(adopt(packets), packets);
    assert.strictEqual(describeFd(packets).kind, 'socket');
  },
});
