'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const net = require('node:net');
const tls = require('node:tls');
const { event, until } = require('../../interop/kit/wait.cjs');
const { crossfork, openFds, run, thrown } = require('./kit.cjs');

const { FdSocket, closeFd, describeFd, dup, fdOf, recvFds, sendFds, socketpair } = crossfork;
const TYPES = ['stream', 'seqpacket', 'dgram'];

const runtimeHides = process.versions.deno && 'Deno does not tell the descriptors of its TCP sockets';

/** Both ends of one over TCP. */
async function connection(t) {
  const server = net.createServer().listen(0, '127.0.0.1');
  t.after(() => new Promise((resolve) => server.close(resolve)));
  await event(server, 'listening');
  const client = net.connect(server.address().port, '127.0.0.1');
  const [socket] = await event(server, 'connection');
  t.after(() => [client, socket].map((one) => one.destroy()));
  return [socket, client];
}

run({
  'sendFds, recvFds: bytes and descriptors over all socket types': (t) => {
    for (const type of TYPES) {
      const [a, b] = t.pair(type);
      const directory = t.opens('/');
      assert.strictEqual(sendFds(a, 'text', [directory]), 4);
      const { data, fds, ...rest } = recvFds(b);
      assert.strictEqual(String(data), 'text');
      assert.deepStrictEqual(rest, { fdsLost: false, cut: false, end: false });
      assert.strictEqual(fds.length, 1);
      t.owns(fds[0]);
      assert.notStrictEqual(fds[0], directory);
      const found = describeFd(fds[0]);
      assert.strictEqual(found.kind, 'directory');
      assert.ok(found.flags.cloexec);
    }
  },

  'recvFds: null when nothing has arrived': (t) => {
    for (const type of TYPES) assert.strictEqual(recvFds(t.pair(type)[1]), null);
  },

  'recvFds: the end after everything is read': (t) => {
    for (const type of ['stream', 'seqpacket']) {
      const [a, b] = t.pair(type);
      sendFds(a, 'last');
      closeFd(a);
      assert.strictEqual(String(recvFds(b).data), 'last');
      assert.deepStrictEqual(recvFds(b), { data: Buffer.alloc(0), fds: [], fdsLost: false, cut: false, end: true });
    }
  },

  'recvFds: an empty datagram is not the end': (t) => {
    const [a, b] = t.pair('dgram');
    assert.strictEqual(sendFds(a, ''), 0);
    const { data, end } = recvFds(b);
    assert.deepStrictEqual([data.length, end], [0, false]);
    assert.strictEqual(recvFds(b), null);
  },

  'sendFds: null when it would have to wait, and nothing was sent': (t) => {
    for (const type of TYPES) {
      const [a, b] = t.pair(type);
      const message = Buffer.alloc(1000);
      let sent = 0;
      for (let n = sendFds(a, message); n !== null; n = sendFds(a, message)) sent += n;
      assert.ok(sent > 0, type);
      const file = t.opens('/');
      assert.strictEqual(sendFds(a, 'x', [file]), null);
      let received = 0;
      for (let got = recvFds(b); got !== null; got = recvFds(b)) {
        received += got.data.length;
        assert.deepStrictEqual(got.fds, []);
      }
      assert.strictEqual(received, sent);
    }
  },

  'sendFds: a stream may accept a part': (t) => {
    const [a, b] = t.pair('stream');
    const all = Buffer.alloc(16 * 1024 * 1024, 'x');
    const sent = sendFds(a, all, [t.opens('/')]);
    assert.ok(sent > 0 && sent < all.length, `${sent}`);
    let received = 0;
    const fds = [];
    for (let got = recvFds(b); got !== null; got = recvFds(b)) {
      received += got.data.length;
      fds.push(...got.fds);
    }
    for (const fd of fds) closeFd(fd);
    assert.deepStrictEqual([received, fds.length], [sent, 1]);
  },

  'sendFds: at most 253 descriptors per message': (t) => {
    const [a, b] = t.pair('seqpacket');
    const file = t.opens('/');
    sendFds(a, 'x', new Array(253).fill(file));
    const { fds } = recvFds(b);
    for (const fd of fds) closeFd(fd);
    assert.strictEqual(fds.length, 253);
    const error = thrown(() => sendFds(a, 'x', new Array(254).fill(file)));
    assert.deepStrictEqual([error.name, error.code], ['RangeError', 'ERR_OUT_OF_RANGE']);
    assert.match(error.message, /fds\.length.*<= 253.*254/);
    assert.strictEqual(recvFds(b), null);
  },

  "sendFds: a kernel error becomes an error like Node's": (t) => {
    const [a, b] = t.pair('stream');
    closeFd(b);
    const error = thrown(() => sendFds(a, 'x'));
    assert.deepStrictEqual([error.code, error.errno, error.syscall], ['EPIPE', -32, 'sendmsg']);
    const [packets] = t.pair('seqpacket');
    assert.strictEqual(thrown(() => sendFds(packets, Buffer.alloc(64 * 1024 * 1024))).code, 'EMSGSIZE');
    assert.strictEqual(thrown(() => sendFds(t.opens('/'), 'x')).code, 'ENOTSOCK');
  },

  'recvFds: descriptors beyond maxFds are closed and reported as lost': (t) => {
    for (const maxFds of [0, 1, 2]) {
      const [a, b] = t.pair('seqpacket');
      sendFds(a, 'x', new Array(3).fill(t.opens('/')));
      const before = openFds();
      const { fds, fdsLost } = recvFds(b, { maxFds });
      assert.strictEqual(openFds(), before + maxFds);
      for (const fd of fds) closeFd(fd);
      assert.deepStrictEqual([fds.length, fdsLost], [maxFds, true]);
    }
  },

  'recvFds: reports a truncated message': (t) => {
    const [a, b] = t.pair('seqpacket');
    sendFds(a, 'a long message');
    const { data, cut } = recvFds(b, { maxBytes: 6 });
    assert.deepStrictEqual([String(data), cut], ['a long', true]);
    assert.strictEqual(recvFds(b), null);
  },

  'recvFds: a stream read stops at a write that carried descriptors': (t) => {
    const [a, b] = t.pair('stream');
    sendFds(a, 'one', [t.opens('/')]);
    sendFds(a, 'two');
    sendFds(a, 'three', [t.opens('/')]);
    const got = [recvFds(b), recvFds(b)];
    for (const { fds } of got) fds.forEach(closeFd);
    assert.deepStrictEqual(
      got.map(({ data, fds }) => [String(data), fds.length]),
      [
        ['one', 1],
        ['twothree', 1],
      ],
    );
  },

  'descriptors of an unreceived message are closed with its socket': (t) => {
    const [end, watched] = socketpair();
    const [a, b] = socketpair({ type: 'seqpacket' });
    sendFds(a, 'x', [end]);
    closeFd(end);
    closeFd(a);
    assert.strictEqual(recvFds(t.owns(watched)), null, 'the message still holds it');
    closeFd(b);
    assert.strictEqual(recvFds(watched).end, true);
  },

  'sendFds: sent descriptors can be closed at once': (t) => {
    const [a, b] = t.pair('seqpacket');
    const file = fs.openSync(__filename, 'r');
    sendFds(a, 'x', [file]);
    fs.closeSync(file);
    const [received] = recvFds(b).fds;
    t.owns(received);
    assert.match(fs.readFileSync(`/proc/self/fd/${received}`, 'utf8'), /^'use strict'/);
  },

  'a TLSSocket is not sent as its plain connection unless forced': {
    unless: () => runtimeHides,
    run: async (t) => {
      const [a, b] = t.pair('seqpacket');
      const [socket] = await connection(t);
      const secure = new tls.TLSSocket(socket);
      t.after(() => secure.on('error', () => {}).destroy());
      const over = new FdSocket(dup(a));
      t.after(() => over.destroy());
      for (const act of [
        () => sendFds(a, 'x', [secure]),
        () => over.send('x', secure),
        () => over.end('x', [secure]),
      ]) {
        const error = thrown(act);
        assert.strictEqual(error.code, 'ERR_CROSSFORK_TLS_SOCKET');
        assert.match(error.message, /keys stay in this process.*pass fdOf\(socket\)\.$/);
      }
      assert.strictEqual(recvFds(b), null, 'nothing was sent');
      assert.strictEqual(describeFd(secure).kind, 'socket', 'it can be looked at');
      sendFds(a, 'x', [fdOf(secure)]);
      recvFds(b).fds.forEach(closeFd);
    },
  },

  'a socket with bytes read by Node is not sent without them unless forced': {
    unless: () => runtimeHides,
    run: async (t) => {
      const [a, b] = t.pair('seqpacket');
      const [socket, client] = await connection(t);
      client.write('some text');
      await event(socket, 'readable');
      await until(() => socket.readableLength === 9, 'all of it is read');
      const error = thrown(() => sendFds(a, 'x', [socket]));
      assert.strictEqual(error.code, 'ERR_CROSSFORK_UNREAD_BYTES');
      assert.match(error.message, /buffered 9 bytes.*pass fdOf\(socket\)\.$/);
      assert.strictEqual(recvFds(b), null, 'nothing was sent');
      sendFds(a, 'x', [fdOf(socket)]);
      recvFds(b).fds.forEach(closeFd);
      assert.strictEqual(String(socket.read()), 'some text');
      sendFds(a, 'x', [socket]);
      recvFds(b).fds.forEach(closeFd);
    },
  },

  'dup: a number that is not open': () => {
    assert.strictEqual(thrown(() => dup(888_888)).code, 'EBADF');
  },
});
