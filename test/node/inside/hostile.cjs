'use strict';

// Invalid arguments from JavaScript cause an error, and the process keeps running.

const assert = require('node:assert');
const { runInNewContext } = require('node:vm');
const { event, until } = require('../../interop/kit/wait.cjs');
const { abstractName, collect, crossfork, run, thrown } = require('./kit.cjs');

const { FdSocket, closeFd, recvFds, sendFds, socketpair } = crossfork;

const liar = new Proxy(
  {},
  {
    get() {
      throw new TypeError('no');
    },
  },
);
const NOT_FDS = [
  -1,
  Number.NaN,
  1.5,
  2 ** 31,
  2 ** 53,
  Number.NEGATIVE_INFINITY,
  '0',
  null,
  undefined,
  true,
  1n,
  Symbol('fd'),
  () => 1,
  [],
  {},
  { fd: -1 },
  { fd: 1e12 },
  { fd: '0' },
  { fd: Number.NaN },
  { _handle: { fd: -7 } },
  liar,
  999_999,
];

function assertError(act, name) {
  const error = thrown(act);
  assert.ok(error instanceof Error, name);
  assert.ok(
    error instanceof TypeError || error instanceof RangeError || typeof error.errno === 'number',
    `${name}: ${error}`,
  );
}

run({
  'only open descriptors are accepted as descriptors': (t) => {
    const [a, b] = t.pair('seqpacket');
    const [socket] = t.sockets();
    for (const value of NOT_FDS) {
      for (const name of ['fdOf', 'describeFd', 'dup', 'setCloexec', 'setNonblocking', 'mapFd', 'adopt', 'closeFd']) {
        assertError(() => crossfork[name](value), `${name}(${typeof value})`);
      }
      assertError(() => sendFds(value, 'x'), 'sendFds');
      assertError(() => recvFds(value), 'recvFds');
      assertError(() => sendFds(a, 'x', [value]), 'sendFds with it');
      assertError(() => new FdSocket(value), 'FdSocket');
      // Nothing, no descriptors, a callback.
      if (value !== undefined && typeof value !== 'function' && !Array.isArray(value)) {
        assertError(() => socket.send('x', value), 'send with it');
      }
      assertError(() => socket.send('x', [value]), 'send with it in a list');
    }
    assert.strictEqual(recvFds(b), null, 'nothing was sent');
  },

  'only byte arrays are accepted as bytes': (t) => {
    const [a, b] = t.pair('seqpacket');
    const [socket] = t.sockets();
    for (const value of [undefined, null, 5, {}, [], [1, 2], { length: 5 }, new ArrayBuffer(5), Symbol('x'), liar]) {
      assertError(() => sendFds(a, value), `sendFds(${typeof value})`);
      assertError(() => socket.send(value), `send(${typeof value})`);
      if (value !== undefined) assertError(() => crossfork.memfd('x', value), 'memfd');
    }
    assert.strictEqual(recvFds(b), null, 'nothing was sent');
  },

  'detached memory has no bytes': (t) => {
    const [a] = t.pair('seqpacket');
    for (const make of [(b) => new Uint8Array(b), (b) => new Float64Array(b), (b) => Buffer.from(b)]) {
      const bytes = make(new ArrayBuffer(64));
      structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
      assertError(() => sendFds(a, bytes), 'sendFds');
    }
    const view = new DataView(new ArrayBuffer(8));
    structuredClone(view.buffer, { transfer: [view.buffer] });
    assertError(() => sendFds(a, view), 'sendFds');
  },

  'memory detached by another argument of the same call has no bytes': (t) => {
    const [a, b] = t.pair('dgram');
    const bytes = new Uint8Array(64);
    const mean = {
      get fd() {
        structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
        return 0;
      },
    };
    sendFds(a, bytes, [mean]);
    const { data, fds } = recvFds(b);
    fds.forEach(closeFd);
    assert.strictEqual(data.length, 0);
  },

  'memory detached while it waits to be sent': async (t) => {
    for (const type of ['stream', 'seqpacket', 'dgram']) {
      const [a, b] = t.sockets(type);
      let received = 0;
      b.on(type === 'stream' ? 'data' : 'message', (data) => {
        received += data.length;
      });
      b.pause();
      let sent = 0;
      while (!a.writableNeedDrain) {
        a.send(new Uint8Array(5000));
        sent += 5000;
      }
      // Of all kinds: sent together with others, alone, and with descriptors.
      const outcomes = [];
      for (const [size, handles] of [
        [100, []],
        [8000, []],
        [100, [0]],
      ]) {
        const bytes = new Uint8Array(size);
        a.send(bytes, handles, (error) => outcomes.push(error?.code));
        structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
        a.send(new Uint8Array(7), (error) => outcomes.push(error));
        sent += 7;
      }
      b.resume();
      await until(
        () => outcomes.length === 6 && received === sent,
        () => `${type}: 6 outcomes, not ${outcomes}, and ${sent} bytes, not ${received}`,
      );
      assert.deepStrictEqual(outcomes, ['EFAULT', null, 'EFAULT', null, 'EFAULT', null]);
    }
  },

  'a view whose length changes while it waits to be sent': async (t) => {
    const [a, b] = t.sockets('stream');
    const got = [];
    b.on('data', (data) => got.push(data));
    const first = Buffer.alloc(1024 * 1024, 'x');
    a.send(first);
    for (const text of ['one', 'two', 'three']) {
      const bytes = Buffer.from(text);
      for (const name of ['subarray', 'slice', 'constructor', 'length', 'byteLength', 'copy']) {
        Object.defineProperty(bytes, name, { value: name.endsWith('ength') ? 2 ** 20 : () => liar });
      }
      a.send(bytes);
    }
    a.end();
    await event(b, 'end');
    assert.strictEqual(String(Buffer.concat(got).subarray(first.length)), 'onetwothree');
  },

  'a DataView that misreports its memory': (t) => {
    const [a, b] = t.pair('seqpacket');
    const view = new DataView(Uint8Array.of(1, 2, 3).buffer);
    for (const name of ['byteLength', 'byteOffset', 'buffer']) Object.defineProperty(view, name, { value: liar });
    assert.strictEqual(sendFds(a, view), 3);
    assert.deepStrictEqual([...recvFds(b).data], [1, 2, 3]);
  },

  'a mapping that is transferred or detached': () => {
    for (let i = 0; i < 20; i++) {
      const fd = crossfork.memfd('crossfork-test', Buffer.alloc(65536, 7));
      const map = crossfork.mapFd(fd);
      closeFd(fd);
      for (const act of [
        () => structuredClone(map),
        () => structuredClone(map.buffer, { transfer: [map.buffer] }),
        () => map.buffer.transfer(10),
        () => map.buffer.resize(10),
      ]) {
        try {
          assert.strictEqual(new Uint8Array(act() ?? [7])[0], 7);
        } catch (error) {
          if (error instanceof assert.AssertionError) throw error;
        }
      }
      if (map.length > 0) map[0] = 1;
      try {
        crossfork.unmap(map);
      } catch (error) {
        assert.strictEqual(error.code, 'ERR_INVALID_STATE');
      }
      collect();
    }
  },

  'a view that misreports its length': (t) => {
    const [a, b] = t.pair('seqpacket');
    const bytes = new Uint8Array([1, 2, 3]);
    for (const name of ['length', 'byteLength', 'byteOffset', 'buffer']) {
      Object.defineProperty(bytes, name, { value: 2 ** 40 });
    }
    assert.strictEqual(sendFds(a, bytes), 3);
    assert.deepStrictEqual([...recvFds(b).data], [1, 2, 3]);
    const [one, two] = t.sockets();
    two.on('message', () => {});
    one.send(bytes);
    assert.strictEqual(one.writableLength, 0);
  },

  'memory of another realm': (t) => {
    const [a, b] = t.pair('seqpacket');
    for (const name of ['Uint8Array', 'DataView', 'Uint16Array']) {
      const view = runInNewContext(`new ${name}(Uint8Array.of(1, 2, 3, 4).buffer)`);
      assert.strictEqual(sendFds(a, view), 4, name);
      assert.deepStrictEqual([...recvFds(b).data], [1, 2, 3, 4]);
    }
    const list = runInNewContext('[0]');
    sendFds(a, 'x', list);
    recvFds(b).fds.forEach(closeFd);
  },

  'shared memory and other views': (t) => {
    const [a, b] = t.pair('seqpacket');
    const shared = new Uint8Array(new SharedArrayBuffer(3)).fill(7);
    const views = [shared, new Uint16Array([257, 257]), new DataView(Uint8Array.of(9, 8, 7, 6).buffer, 1, 2)];
    const bytes = views.map((view) => {
      sendFds(a, view);
      return [...recvFds(b).data];
    });
    assert.deepStrictEqual(bytes, [
      [7, 7, 7],
      [1, 1, 1, 1],
      [8, 7],
    ]);
  },

  'a list that is modified while it is read': (t) => {
    const [a, b] = t.pair('seqpacket');
    const list = [0, 0];
    Object.defineProperty(list, 0, {
      get() {
        list.length = 1;
        return 0;
      },
    });
    assertError(() => sendFds(a, 'x', list), 'sendFds');
    assert.strictEqual(recvFds(b), null);
  },

  'invalid options': (t) => {
    const [a] = t.pair();
    for (const options of [
      null,
      5,
      'x',
      [],
      { maxBytes: 0 },
      { maxBytes: 2 ** 40 },
      { maxBytes: '5' },
      { maxFds: -1 },
    ]) {
      assertError(() => recvFds(a, options), `recvFds ${JSON.stringify(options)}`);
    }
    assertError(() => recvFds(a, { maxFds: 254 }), 'maxFds');
    for (const options of [null, { type: 'raw' }, { type: 1 }, { type: '__proto__' }]) {
      assertError(() => socketpair(options), 'socketpair');
    }
    for (const options of [
      null,
      { highWaterMark: -1 },
      { highWaterMark: '1' },
      { allowHalfOpen: 1 },
      { maxMessageBytes: 0 },
    ]) {
      assertError(() => new FdSocket(a, options), `FdSocket ${JSON.stringify(options)}`);
    }
  },

  'invalid paths': () => {
    for (const path of ['', 5, null, undefined, {}, 'a\0b', '\0a\0b', 'x'.repeat(200), `\0${'x'.repeat(200)}`]) {
      assertError(() => crossfork.connect(path), `connect ${path}`);
      assertError(() => crossfork.createFdServer(path), `createFdServer ${path}`);
    }
  },

  'an FdSocket of a descriptor that is not a Unix connection': (t) => {
    const server = crossfork.createFdServer(abstractName());
    t.after(() => server.close());
    for (const fd of [t.opens('/'), server.fd]) {
      assert.strictEqual(thrown(() => new FdSocket(fd)).code, 'ERR_INVALID_FD_TYPE');
    }
  },

  'a second owner of the same descriptor': async (t) => {
    const [socket, other] = t.sockets('stream');
    for (const act of [() => new FdSocket(socket.fd), () => crossfork.adopt(socket.fd)]) {
      const error = thrown(act);
      assert.strictEqual(error.code, 'EEXIST');
      assert.match(
        error.message,
        new RegExp(`descriptor ${socket.fd} cannot have a second owner.* dup\\(${socket.fd}\\)`),
      );
    }
    other.send('it is still whose it was');
    assert.strictEqual(String((await event(socket, 'data'))[0]), 'it is still whose it was');
  },

  'a reused descriptor number is not closed with the socket': (t) => {
    for (const close of [(socket) => socket.destroy(), (socket) => socket.close()]) {
      const [socket] = t.sockets();
      const number = socket.fd;
      closeFd(number);
      const copies = [];
      while (!copies.includes(number)) copies.push(crossfork.dup(0));
      close(socket);
      assert.ok(crossfork.describeFd(number));
      copies.forEach(closeFd);
    }
  },

  'a reused descriptor number can get a new owner, and the first one has lost it': async (t) => {
    const [first] = t.sockets();
    const number = first.fd;
    const failed = new Promise((resolve) => first.on('error', resolve));
    first.on('data', () => {});
    // The kernel knows it as the first one's.
    await new Promise(setImmediate);
    closeFd(number);
    const [a, b] = socketpair();
    for (const fd of [a, b]) t.owns(fd);
    assert.ok([a, b].includes(number), `${number} is not used again: ${a}, ${b}`);
    const second = new FdSocket(number);
    const got = event(second, 'data');
    await new Promise(setImmediate);
    first.send('to whoever has the number now');
    assert.strictEqual((await failed).code, 'EBADF');
    assert.strictEqual(crossfork.describeFd(number).kind, 'socket');
    const other = number === a ? b : a;
    assert.strictEqual(crossfork.recvFds(other), null);
    crossfork.sendFds(other, 'for the second');
    assert.strictEqual(String((await got)[0]), 'for the second');
    second.destroy();
  },

  'a descriptor that other code closes while an FdSocket owns it': async (t) => {
    const [fd, other] = socketpair();
    const socket = new FdSocket(fd);
    t.owns(other);
    closeFd(fd);
    const failed = new Promise((resolve) => socket.on('error', resolve));
    socket.on('data', () => {});
    const error = await failed;
    assert.strictEqual(error.code, 'EBADF');
  },

  'methods called on other objects': () => {
    for (const name of ['send', 'end', 'close', 'destroy', 'pause', 'resume', 'ref', 'unref']) {
      for (const self of [{}, null, FdSocket.prototype]) {
        assert.ok(thrown(() => FdSocket.prototype[name].call(self, 'x')) instanceof TypeError, name);
      }
    }
  },

  'the native functions themselves': () => {
    const native = require('../../../js/load.cjs').native();
    const values = [undefined, null, -1, 1e20, Number.NaN, 'x', {}, [], new Uint8Array(0), () => {}, 999_998];
    for (const [name, call] of Object.entries(native)) {
      // It takes what calls it for a context.
      if (name === 'openContext') continue;
      for (const value of values) {
        for (const count of [0, 1, 3, 6]) {
          try {
            const result = call(...new Array(count).fill(value));
            if (['dup', 'memfd', 'connect', 'bind'].includes(name) && result >= 0) closeFd(result);
            if (name === 'socketpair' && Array.isArray(result)) result.forEach(closeFd);
          } catch (error) {
            assert.ok(error instanceof Error, name);
          }
        }
      }
    }
  },
});
