'use strict';

const assert = require('node:assert');
const { readFileSync, readdirSync } = require('node:fs');
const { event, until, within } = require('../../interop/kit/wait.cjs');
const { crossfork, run, thrown } = require('./kit.cjs');

const { FdSocket, closeFd, describeFd, dup, recvFds, sendFds, socketpair } = crossfork;

const number = (i, size = 8) => {
  const bytes = Buffer.alloc(size);
  bytes.writeUInt32LE(i);
  return bytes;
};

/** Sends with the manners of a stream. */
async function sendAll(socket, count, make) {
  for (let i = 0; i < count; i++) {
    if (!socket.send(...make(i))) await event(socket, 'drain');
  }
}

run({
  'messages and their descriptors arrive together, in order': async (t) => {
    for (const type of ['seqpacket', 'dgram']) {
      const [a, b] = t.sockets(type);
      const kinds = { 0: t.opens('/'), 1: t.opens('/dev/null'), 2: t.owns(crossfork.memfd('x')) };
      const names = ['directory', 'device', 'memfd'];
      let next = 0;
      const done = new Promise((resolve) => {
        b.on('message', (data, fds) => {
          assert.strictEqual(data.readUInt32LE(0), next);
          assert.strictEqual(fds.length, 1);
          const fd = fds.take();
          assert.strictEqual(describeFd(fd).kind, names[next % 3]);
          closeFd(fd);
          if (++next === 3000) resolve();
        });
      });
      await sendAll(a, 3000, (i) => [number(i), [kinds[i % 3]]]);
      await within(done, () => `3000 messages, not ${next}`);
    }
  },

  "a stream's descriptors arrive with the bytes that they were sent with": async (t) => {
    const [a, b] = t.sockets('stream');
    const got = [];
    b.on('data', (data, fds) => got.push([String(data), fds.length]));
    const closed = event(b, 'close');
    a.send('one', 0);
    a.send('two', [0, 0]);
    a.send('three');
    a.end();
    await closed;
    assert.deepStrictEqual(got.shift(), ['one', 1]);
    assert.deepStrictEqual(got.shift(), ['two', 2]);
    assert.deepStrictEqual(got, [['three', 0]]);
  },

  'partial writes: all bytes arrive, and the descriptors once': async (t) => {
    const [a, b] = t.sockets('stream');
    const size = 5 * 1024 * 1024 + 7;
    const content = Buffer.alloc(size, 'some text, ');
    const parts = [];
    let fdCount = 0;
    b.on('data', (data, fds) => {
      parts.push(Buffer.from(data));
      fdCount += fds.length;
    });
    const sent = new Promise((resolve) => a.send(content, [0, 0], resolve));
    assert.strictEqual(a.writableNeedDrain, true);
    assert.ok(a.writableLength > 0);
    assert.strictEqual(await within(sent, 'it to be sent'), null);
    assert.strictEqual(a.writableLength, 0);
    const closed = event(b, 'close');
    a.end();
    await closed;
    assert.ok(Buffer.concat(parts).equals(content));
    assert.strictEqual(fdCount, 2);
  },

  'backpressure: send returns false when to wait, and drain says when to continue': async (t) => {
    const [a, b] = t.sockets('seqpacket', { highWaterMark: 10_000 });
    let sent = 0;
    while (a.send(Buffer.alloc(1000))) sent++;
    assert.ok(a.writableLength >= 10_000 && a.writableLength < 12_000, `${a.writableLength}`);
    assert.strictEqual(a.send('more, if one insists'), false);
    let received = 0;
    b.on('message', () => received++);
    await event(a, 'drain');
    assert.deepStrictEqual([a.writableLength, a.writableNeedDrain], [0, false]);
    await until(
      () => received === sent + 2,
      () => `${sent + 2} messages, not ${received}`,
    );
  },

  'queued descriptors count too, and the sender may close its own': async (t) => {
    const [a, b] = t.sockets('seqpacket');
    const file = t.owns(dup(0));
    let sent = 1;
    while (a.send('x', file)) sent++;
    closeFd(file);
    assert.ok(sent < 1000, `${sent} wait`);
    let received = 0;
    b.on('message', (_, fds) => {
      received += fds.length;
    });
    await event(a, 'drain');
    await until(
      () => received === sent,
      () => `${sent} descriptors, not ${received}`,
    );
  },

  'callbacks are called in the order of their messages': async (t) => {
    const [a, b] = t.sockets('seqpacket');
    b.resume();
    const order = [];
    await new Promise((resolve) => {
      for (let i = 0; i < 2000; i++) {
        a.send(Buffer.alloc(500), (error) => {
          assert.strictEqual(error, null);
          order.push(i);
          if (order.length === 2000) resolve();
        });
      }
    });
    assert.deepStrictEqual(order, [...order.keys()]);
  },

  'without a listener nothing is read, and pending descriptors are closed with the socket': async (t) => {
    const [end, watched] = socketpair();
    const [a, b] = t.sockets('seqpacket');
    a.send('x', end);
    closeFd(end);
    b.destroy();
    a.destroy();
    await until(() => recvFds(watched)?.end, 'the descriptor on its way to be closed');
    closeFd(watched);
  },

  'end: everything sent arrives before it': async (t) => {
    for (const type of ['stream', 'seqpacket']) {
      const [a, b] = t.sockets(type);
      let bytes = 0;
      b.on(type === 'stream' ? 'data' : 'message', (data) => {
        bytes += data.length;
      });
      const ended = event(b, 'end');
      for (let i = 0; i < 3000; i++) a.send(Buffer.alloc(1000));
      a.end();
      await ended;
      assert.strictEqual(bytes, 3_000_000);
      if (!b.destroyed) await event(b, 'close');
    }
  },

  'end: its data is sent first': async (t) => {
    const [a, b] = t.sockets('seqpacket');
    const got = [];
    b.on('message', (data, fds) => got.push(String(data), fds.length));
    const ended = event(b, 'end');
    const sent = new Promise((resolve) => a.end('the last words', [0, 0], resolve));
    assert.strictEqual(await sent, null);
    await ended;
    assert.deepStrictEqual(got, ['the last words', 2]);
  },

  'allowHalfOpen: the other direction stays open after the end': async (t) => {
    const [a, b] = t.sockets('stream', { allowHalfOpen: true });
    const answer = event(a, 'data');
    b.on('data', () => {});
    b.on('end', () => b.send('answer'));
    a.send('question');
    a.end();
    const [data] = await answer;
    assert.strictEqual(String(data), 'answer');
    const closed = event(a, 'close');
    b.end();
    await closed;
  },

  'close: flushes queued messages, receives nothing more, then closes': async (t) => {
    const [a, b] = t.sockets('seqpacket');
    let received = 0;
    b.on('message', () => received++);
    for (let i = 0; i < 2000; i++) a.send(Buffer.alloc(500));
    await new Promise((resolve) => a.close(resolve));
    assert.deepStrictEqual([a.destroyed, a.fd], [true, undefined]);
    if (!b.destroyed) await event(b, 'close');
    assert.strictEqual(received, 2000);
  },

  'close: the callback is called even after the close': async (t) => {
    const [a] = t.sockets();
    await within(Promise.all([1, 2].map(() => new Promise((resolve) => a.close(resolve)))), 'both callbacks');
    assert.deepStrictEqual(await within(new Promise((resolve) => a.close((...args) => resolve(args))), 'one more'), []);
  },

  'destroy: closes at once with its error, and callbacks get it': async (t) => {
    const [a] = t.sockets('seqpacket');
    const outcomes = [];
    while (a.send(Buffer.alloc(5000), (error) => outcomes.push(error)));
    const events = [];
    a.on('error', (error) => events.push(error.message));
    a.on('close', (hadError) => events.push(hadError));
    a.destroy(new Error('enough'));
    assert.strictEqual(a.destroy(new Error('again')), a);
    await until(() => events.length === 2, 'both events');
    assert.deepStrictEqual(events, ['enough', true]);
    assert.strictEqual(outcomes.at(-1).message, 'enough');
    assert.strictEqual(outcomes[0], null);
  },

  'sending after the end is an error': async (t) => {
    const [a] = t.sockets('seqpacket');
    a.end();
    const error = await new Promise((resolve) => a.send('x', resolve));
    assert.strictEqual(error.code, 'ERR_STREAM_WRITE_AFTER_END');
    a.destroy();
    const later = await new Promise((resolve) => a.send('x', resolve));
    assert.strictEqual(later.code, 'ERR_STREAM_DESTROYED');
    assert.strictEqual(a.send('x'), false);
  },

  'a peer that has closed': async (t) => {
    for (const type of ['stream', 'seqpacket', 'dgram']) {
      const [a, b] = t.sockets(type);
      b.destroy();
      const failed = event(a, 'close').catch((error) => error);
      a.send('x');
      const error = await failed;
      assert.ok(['EPIPE', 'ECONNREFUSED', 'ECONNRESET'].includes(error.code), error.code);
      assert.ok(a.destroyed);
    }
  },

  'a message refused by the kernel fails only its callback': async (t) => {
    const [a, b] = t.sockets('seqpacket');
    const error = await new Promise((resolve) => a.send(Buffer.alloc(64 * 1024 * 1024), resolve));
    assert.deepStrictEqual([error.code, error.syscall], ['EMSGSIZE', 'sendmsg']);
    a.send('the next one');
    const [data] = await event(b, 'message');
    assert.strictEqual(String(data), 'the next one');
  },

  'a message over the limit ends the receiver, and its descriptors are closed': async (t) => {
    const [a, b] = t.sockets('seqpacket', { maxMessageBytes: 100 });
    b.on('message', () => assert.fail('it was delivered'));
    a.send(Buffer.alloc(101), [0]);
    const error = await event(b, 'close').catch((error) => error);
    assert.strictEqual(error.code, 'EMSGSIZE');
  },

  'an empty packet of another program is a message, not the end': async (t) => {
    const [a, b] = t.sockets('dgram');
    const empty = event(b, 'message');
    a.send('');
    assert.strictEqual((await empty)[0].length, 0);
    a.send('x');
    assert.strictEqual(String((await event(b, 'message'))[0]), 'x');
  },

  'pause and resume': async (t) => {
    const [a, b] = t.sockets('seqpacket');
    const got = [];
    b.on('message', (data) => {
      got.push(String(data));
      b.pause();
    });
    for (const text of ['one', 'two', 'three']) a.send(text);
    for (const [i, text] of ['one', 'two', 'three'].entries()) {
      await until(() => got.length > i, text);
      assert.strictEqual(got.length, i + 1, 'it went on though it was paused');
      assert.ok(b.isPaused());
      b.resume();
    }
    assert.deepStrictEqual(got, ['one', 'two', 'three']);
  },

  'peerCredentials: the credentials of the peer': (t) => {
    const [a] = t.sockets('stream');
    const { pid, uid, gid } = a.peerCredentials;
    assert.deepStrictEqual([pid, uid, gid], [process.pid, process.getuid(), process.getgid()]);
    a.destroy();
    assert.strictEqual(a.peerCredentials, undefined);
  },

  'send: 254 descriptors are refused, and nothing is sent': async (t) => {
    const [a, b] = t.sockets('seqpacket');
    const error = thrown(() => a.send('x', new Array(254).fill(0)));
    assert.deepStrictEqual([error.name, error.code], ['RangeError', 'ERR_OUT_OF_RANGE']);
    assert.match(error.message, /handles\.length.*<= 253.*254/);
    a.send('the next one', new Array(253).fill(0));
    const [data, fds] = await new Promise((resolve) => b.once('message', (data, fds) => resolve([data, fds.length])));
    assert.deepStrictEqual([String(data), fds], ['the next one', 253]);
  },

  'a peer that closes without reading everything: its messages arrive first, then the error': async (t) => {
    for (const type of ['stream', 'seqpacket']) {
      const [fd, other] = socketpair({ type });
      const a = new FdSocket(fd);
      t.after(() => a.destroy());
      const got = [];
      for (const name of ['data', 'message']) a.on(name, (data, fds) => got.push(String(data), fds.length));
      a.on('end', () => got.push('end'));
      a.on('error', ({ code, syscall }) => got.push(code, syscall));
      a.send('it will not be read');
      sendFds(other, 'the answer', [0]);
      closeFd(other);
      await new Promise((resolve) => a.on('close', resolve));
      assert.deepStrictEqual(got, ['the answer', 1, 'ECONNRESET', 'recvmsg'], type);
    }
  },

  'many sockets: each keeps its order': async (t) => {
    const pairs = Array.from({ length: 40 }, () => t.sockets('seqpacket'));
    await Promise.all(
      pairs.map(async ([a, b]) => {
        let next = 0;
        const done = new Promise((resolve) => {
          b.on('message', (data) => {
            assert.strictEqual(data.readUInt32LE(0), next++);
            if (next === 500) resolve();
          });
        });
        await sendAll(a, 500, (i) => [number(i, 300)]);
        await within(done, () => `500 messages, not ${next}`);
      }),
    );
  },

  'a busy socket does not delay others': async (t) => {
    const [a, b] = t.sockets('stream');
    const [c, d] = t.sockets('stream');
    let bytes = 0;
    let stop = false;
    b.on('data', (data) => {
      bytes += data.length;
    });
    const feed = () => {
      while (!stop && a.send(Buffer.alloc(65536)));
    };
    a.on('drain', feed);
    feed();
    const answers = [];
    d.on('data', (data) => d.send(data));
    c.on('data', () => answers.push(bytes));
    for (let i = 0; i < 5; i++) {
      c.send('ping');
      await until(() => answers.length > i, 'an answer');
      await new Promise(setImmediate);
    }
    stop = true;
    assert.ok(answers[4] > answers[0], 'the busy one was busy');
  },

  'an idle socket uses no processor time': async (t) => {
    t.sockets('stream');
    const [, b] = t.sockets('stream');
    b.on('data', () => {});
    // The thread of the loop, or the one that waits for it.
    const waits = () =>
      readdirSync('/proc/self/task').find((task) =>
        process.versions.bun || process.versions.deno
          ? readFileSync(`/proc/self/task/${task}/comm`, 'utf8') === 'crossfork\n'
          : task === `${process.pid}`,
      );
    await until(waits, 'there is a thread that waits');
    const switches = () =>
      Number(/\nvoluntary_ctxt_switches:\s+(\d+)/.exec(readFileSync(`/proc/self/task/${waits()}/status`))[1]);
    const wakes = async () => {
      const before = switches();
      await new Promise((resolve) => setTimeout(resolve, 300));
      return switches() - before;
    };
    // Our own timer's is one; what the runtime itself still has to do may be some.
    await until(async () => (await wakes()) <= 3, 'it is at rest');
  },

  'a closed socket causes no events even if a duplicate is open': async (t) => {
    const [a, b] = t.sockets('seqpacket');
    b.on('message', () => assert.fail('it was delivered'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const copy = t.owns(dup(b));
    b.destroy();
    a.send('x');
    const [c, d] = t.sockets('seqpacket');
    c.send('a later one');
    await event(d, 'message');
    assert.strictEqual(String(recvFds(copy).data), 'x');
  },
});
