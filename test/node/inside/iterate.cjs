'use strict';

const assert = require('node:assert');
const { event } = require('../../interop/kit/wait.cjs');
const { crossfork, openFds, run } = require('./kit.cjs');

const number = (i) => Buffer.from(Uint32Array.of(i).buffer);

run({
  'for await: messages one by one, with their descriptors': async (t) => {
    const [a, b] = t.sockets('seqpacket');
    for (let i = 0; i < 50; i++) a.send(number(i), [0]);
    a.end();
    let next = 0;
    let first;
    for await (const { data, fds } of b) {
      assert.strictEqual(data.readUInt32LE(0), next++);
      await new Promise(setImmediate);
      assert.strictEqual(fds.length, 1, 'it was closed before the loop went on');
      first ??= openFds();
      // And those of one more may have been read ahead.
      assert.ok(openFds() <= first + 1, `${openFds()} are open, and were ${first} at first`);
    }
    assert.strictEqual(next, 50);
    assert.ok(b.destroyed);
  },

  'for await: leaving the loop destroys the socket': async (t) => {
    const [a, b] = t.sockets('stream');
    a.send('x', 0);
    for await (const { data } of b) {
      assert.strictEqual(String(data), 'x');
      break;
    }
    assert.ok(b.destroyed);
  },

  'for await: an error ends it': async (t) => {
    const [, b] = t.sockets('stream');
    setImmediate(() => b.destroy(new Error('enough')));
    await assert.rejects(async () => {
      for await (const message of b) assert.fail(message);
    }, /enough/);
  },

  'for await: messages sent in the loop are sent before it ends, even if the peer reads late': async (t) => {
    for (const type of ['stream', 'seqpacket']) {
      const [a, b] = t.sockets(type, { allowHalfOpen: true });
      const [c, d] = [a, new crossfork.FdSocket(crossfork.dup(b))];
      b.destroy();
      t.after(() => d.destroy());
      const echo = (async () => {
        for await (const { data } of d) d.send(data);
        assert.ok(d.destroyed);
      })();
      for (let i = 0; i < 3000; i++) c.send(Buffer.alloc(1000));
      c.end();
      await event(d, 'end');
      let bytes = 0;
      for await (const { data } of c) bytes += data.length;
      assert.strictEqual(bytes, 3_000_000);
      await echo;
    }
  },

  'for await: with allowHalfOpen the other direction stays open after the loop': async (t) => {
    const [a, b] = t.sockets('stream', { allowHalfOpen: true });
    a.end('question');
    const texts = [];
    for await (const { data } of b) texts.push(String(data));
    b.end(`answer to ${texts}`);
    const [data] = await event(a, 'data');
    assert.strictEqual(String(data), 'answer to question');
  },

  'for await: leaving the loop while its socket fails': async (t) => {
    const [a, b] = t.sockets('stream');
    b.send('x');
    const closed = new Promise((resolve) => a.on('close', resolve));
    for await (const { data } of a) {
      assert.strictEqual(String(data), 'x');
      b.destroy();
      a.send('to nobody');
      break;
    }
    // An error that nobody listens for would end the process.
    assert.strictEqual(await closed, true);
  },

  'for await: a socket that is already destroyed': async (t) => {
    const [a] = t.sockets('stream');
    a.destroy();
    for await (const message of a) assert.fail(message);
  },
});
