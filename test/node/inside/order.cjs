'use strict';

// The order and the context of events.

const assert = require('node:assert');
const { AsyncLocalStorage } = require('node:async_hooks');
const { cpSync, mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { dirname, join } = require('node:path');
const { event, until } = require('../../interop/kit/wait.cjs');
const { crossfork, run, thrown } = require('./kit.cjs');

const ENTRY = require.resolve('../../../js/index.cjs');
const FOLDER = dirname(ENTRY);

/** The package once more, as test runners and module loaders do it. */
function loadAgain(isLoadedAgain) {
  const before = { ...require.cache };
  for (const path of Object.keys(require.cache)) if (isLoadedAgain(path)) delete require.cache[path];
  try {
    return require(ENTRY);
  } finally {
    Object.assign(require.cache, before);
  }
}

const isJs = (path) => path.startsWith(FOLDER);
/** The whole package at another place, its native code too. */
function loadCopy() {
  const folder = mkdtempSync(join(tmpdir(), 'crossfork-'));
  try {
    for (const name of ['js', 'native', 'package.json']) {
      cpSync(join(FOLDER, '..', name), join(folder, name), { recursive: true });
    }
    const copy = require(join(folder, 'js', 'index.cjs'));
    // The first call loads its addon.
    copy.describeFd(0);
    return copy;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Its JavaScript alone, and the addon too. Each opens what waits for its sockets, with the first, and that stays. */
const others = [loadAgain(isJs), loadAgain((path) => isJs(path) || path.endsWith('.node'))];
const copy = loadCopy();
for (const { FdSocket, socketpair } of [...others, copy]) for (const fd of socketpair()) new FdSocket(fd).destroy();

run({
  'messages, end and close arrive in this order, whatever listeners do': async (t) => {
    for (const type of ['stream', 'seqpacket']) {
      const [a, b] = t.sockets(type);
      const seen = [];
      let next = 0;
      b.on(type === 'stream' ? 'data' : 'message', (data, fds) => {
        for (const byte of data) assert.strictEqual(byte, next++ % 256);
        seen.push(fds.length);
        b.pause();
        // At once, later in this turn, or in another.
        const again = [
          () => b.resume(),
          () => process.nextTick(() => b.resume()),
          () => setImmediate(() => b.resume()),
        ];
        again[seen.length % 3]();
      });
      for (const name of ['end', 'close']) b.on(name, () => seen.push(name));
      for (let i = 0; i < 512; i++) a.send(Uint8Array.of(i), 0);
      a.close();
      await event(b, 'close');
      assert.strictEqual(next, 512);
      assert.deepStrictEqual(seen, [...new Array(512).fill(1), 'end', 'close']);
    }
  },

  'all callbacks come before the close': async (t) => {
    const [a] = t.sockets('seqpacket');
    const seen = [];
    let sent = 0;
    while (a.send(Buffer.alloc(5000), () => seen.push('callback'))) sent++;
    a.on('close', () => seen.push('close'));
    a.destroy();
    await event(a, 'close');
    assert.deepStrictEqual(seen, [...new Array(sent + 1).fill('callback'), 'close']);
  },

  'after destroy there is only the close event': async (t) => {
    for (const type of ['stream', 'seqpacket', 'dgram']) {
      const [a, b] = t.sockets(type);
      const seen = [];
      for (const name of ['data', 'message', 'end', 'drain', 'error', 'close']) b.on(name, () => seen.push(name));
      for (let i = 0; i < 10; i++) a.send('x', 0);
      b.once(type === 'stream' ? 'data' : 'message', () => b.destroy());
      await event(b, 'close');
      await new Promise(setImmediate);
      assert.deepStrictEqual(seen, [type === 'stream' ? 'data' : 'message', 'close']);
    }
  },

  'events run in the AsyncLocalStorage context in which the socket was created': async (t) => {
    const storage = new AsyncLocalStorage();
    const seen = [];
    const make = (name) =>
      storage.run(name, () => {
        const [a, b] = t.sockets('seqpacket');
        b.on('message', (data) => seen.push(`${data} in ${storage.getStore()}`));
        return a;
      });
    const sockets = ['one', 'two', 'three'].map((name) => [name, make(name)]);
    // The first read is what the listener asked for; the others are what the kernel tells of.
    for (let round = 1; round < 4; round++) {
      await new Promise(setImmediate);
      for (const [name, socket] of sockets) socket.send(name);
      await until(() => seen.length === 3 * round, 'three messages');
    }
    assert.deepStrictEqual(new Set(seen), new Set(['one in one', 'two in two', 'three in three']));
  },

  'two copies of the package cannot own one descriptor, but each can own a number that the other has closed': (t) => {
    const [socket] = t.sockets();
    const { fd } = socket;
    const error = thrown(() => new copy.FdSocket(fd));
    assert.deepStrictEqual([error.code, /second owner/.test(error.message)], ['EEXIST', true]);
    socket.destroy();
    const [a, b] = copy.socketpair();
    assert.ok([a, b].includes(fd), `${fd} is not used again: ${a}, ${b}`);
    for (const one of [a, b]) {
      const theirs = new copy.FdSocket(one);
      assert.strictEqual(thrown(() => new crossfork.FdSocket(one)).code, 'EEXIST');
      theirs.destroy();
    }
  },

  'loaded twice in one thread: each copy has its own sockets, and they can communicate': async (t) => {
    for (const again of others) {
      assert.notStrictEqual(again.FdSocket, crossfork.FdSocket);
      const [one, two] = crossfork.socketpair({ type: 'seqpacket' });
      const a = new crossfork.FdSocket(one);
      const b = new again.FdSocket(two);
      t.after(() => [a, b].map((socket) => socket.destroy()));
      b.on('message', (data, fds) =>
        b.send(
          data,
          [...fds].map((fd) => t.owns(fd)),
        ),
      );
      for (const text of ['one', 'two']) {
        a.send(text, [0, 0]);
        const got = await new Promise((resolve) => a.once('message', (...args) => resolve(args.map(String))));
        assert.deepStrictEqual(got[0], text);
      }
    }
  },
});
