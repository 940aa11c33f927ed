'use strict';

// FdSockets among streams, and in `using`.

const assert = require('node:assert');
const { once } = require('node:events');
const { Duplex, Transform } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const { event, within } = require('../../interop/kit/wait.cjs');
const { abstractName, crossfork, run, thrown } = require('./kit.cjs');

const { describeFd } = crossfork;

const upper = (objectMode) =>
  new Transform({ objectMode, transform: (chunk, _, done) => done(null, Buffer.from(String(chunk).toUpperCase())) });

run({
  'toDuplex: pipeline in both directions, and everything is closed': async (t) => {
    for (const type of ['stream', 'seqpacket']) {
      const [a, b] = t.sockets(type);
      const closed = Promise.all([event(a, 'close'), event(b, 'close')]);
      const served = pipeline(b.toDuplex(), upper(type !== 'stream'), b.toDuplex());
      const duplex = a.toDuplex();
      assert.ok(duplex instanceof Duplex);
      assert.strictEqual(a.toDuplex(), duplex);
      const chunks = [];
      const received = (async () => {
        for await (const chunk of duplex) chunks.push(String(chunk));
      })();
      for (let i = 0; i < 100; i++) duplex.write(`message ${i};`);
      duplex.end('the last');
      await within(Promise.all([served, received]), 'the end of both');
      const wanted = [...Array.from({ length: 100 }, (_, i) => `MESSAGE ${i};`), 'THE LAST'];
      if (type === 'stream') assert.strictEqual(chunks.join(''), wanted.join(''));
      else assert.deepStrictEqual(chunks, wanted);
      await closed;
    }
  },

  'toDuplex: more than all buffers hold, to a slow reader': async (t) => {
    const [a, b] = t.sockets('stream');
    const size = 8 * 1024 * 1024;
    let sent = 0;
    const source = async function* () {
      for (; sent < size; sent += 65536) yield Buffer.alloc(65536, sent / 65536);
    };
    const written = pipeline(source(), a.toDuplex());
    const duplex = b.toDuplex();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(sent < size, 'it waits for the reader');
    let received = 0;
    for await (const chunk of duplex) received += chunk.length;
    assert.strictEqual(received, size);
    await within(written, 'the end of the writer').catch((error) => {
      // The reader has closed both directions.
      assert.strictEqual(error.code, 'ERR_STREAM_PREMATURE_CLOSE');
    });
  },

  'toDuplex: data before the end is read although the socket has closed': async (t) => {
    const [a, b] = t.sockets('stream');
    const duplex = b.toDuplex();
    duplex.end();
    a.send('the last words');
    a.end();
    const over = event(b, 'close');
    duplex.read(0);
    await over;
    const closed = event(duplex, 'close');
    const [data] = await event(duplex, 'data');
    assert.strictEqual(String(data), 'the last words');
    await closed;
    assert.ok(b.destroyed);
  },

  'toDuplex: allowHalfOpen works as with the socket': async (t) => {
    for (const allowHalfOpen of [false, true]) {
      const [a, b] = t.sockets('stream', { allowHalfOpen });
      const duplex = b.toDuplex();
      duplex.resume();
      const ended = event(duplex, 'end');
      a.end();
      await ended;
      await new Promise(setImmediate);
      assert.strictEqual(duplex.writableEnded, !allowHalfOpen);
      duplex.destroy();
    }
  },

  'toDuplex: errors, and a destroyed socket': async (t) => {
    const [a, b] = t.sockets('stream');
    const failed = once(a.toDuplex(), 'close').catch((error) => error);
    b.destroy();
    a.toDuplex().write('x');
    assert.match((await within(failed, 'an error')).code, /EPIPE|ECONNRESET/);
    assert.ok(a.destroyed);
    const [c] = t.sockets('stream');
    const read = pipeline(c.toDuplex(), async (source) => {
      for await (const _ of source);
    });
    c.destroy();
    assert.strictEqual((await read.catch((error) => error)).code, 'ERR_STREAM_PREMATURE_CLOSE');
    const [d] = t.sockets('stream');
    d.destroy();
    assert.ok(d.toDuplex().destroyed);
    const [e] = t.sockets('seqpacket');
    const refused = event(e.toDuplex(), 'close').catch((error) => error);
    e.toDuplex().write('');
    assert.strictEqual((await refused).code, 'ERR_INVALID_ARG_VALUE');
  },

  'toDuplex: descriptors go to listeners of the socket': async (t) => {
    const [a, b] = t.sockets('seqpacket');
    const kinds = [];
    b.on('message', (_, fds) => kinds.push(describeFd(t.owns(fds.take())).kind));
    const duplex = b.toDuplex();
    a.send('x', t.opens('/'));
    assert.strictEqual(String((await event(duplex, 'data'))[0]), 'x');
    assert.deepStrictEqual(kinds, ['directory']);
  },

  'using: closes at once, and await using after everything is sent': {
    unless: () => !Symbol.asyncDispose && 'this runtime has no Symbol.asyncDispose',
    run: async (t) => {
      const [a, b] = t.sockets('stream');
      let bytes = 0;
      b.on('data', (data) => {
        bytes += data.length;
      });
      a.send(Buffer.alloc(1024 * 1024));
      const end = event(b, 'end');
      await a[Symbol.asyncDispose]();
      assert.ok(a.destroyed);
      await end;
      assert.strictEqual(bytes, 1024 * 1024);
      const [c] = t.sockets('stream');
      c[Symbol.dispose]();
      assert.ok(c.destroyed);
      const server = crossfork.createFdServer(abstractName());
      await server[Symbol.asyncDispose]();
      assert.ok(!server.listening);
      const map = crossfork.mapFd(t.owns(crossfork.memfd('crossfork-test', 'x')));
      map[Symbol.dispose]();
      map[Symbol.dispose]();
      assert.strictEqual(map.length, 0);
      crossfork.mapFd(t.owns(crossfork.memfd('crossfork-test')))[Symbol.dispose]();
    },
  },

  'using: untaken descriptors': {
    unless: () => !Symbol.dispose && 'this runtime has no Symbol.dispose',
    run: async (t) => {
      const [a, b] = t.sockets('seqpacket');
      a.send('x', [0, 0]);
      const [, fds] = await once(b, 'message');
      const [one] = fds;
      t.owns(one);
      fds[Symbol.dispose]();
      assert.strictEqual(fds.length, 0);
      assert.ok(describeFd(one));
      assert.ok(thrown(() => fds[Symbol.dispose].call({})) instanceof TypeError);
    },
  },
});
