'use strict';

// Descriptors of a message: who owns them, and for how long.

const assert = require('node:assert');
const { once } = require('node:events');
const { event, until } = require('../../interop/kit/wait.cjs');
const { crossfork, openFds, run } = require('./kit.cjs');

const { describeFd } = crossfork;

run({
  'untaken descriptors are closed at the end of the turn': async (t) => {
    const [a, b] = t.sockets('seqpacket');
    const before = openFds();
    const seen = [];
    b.on('message', (_, fds) => seen.push(fds));
    for (let i = 0; i < 100; i++) a.send('x', [0, 0]);
    await until(() => seen.length === 100, '100 messages');
    // A runtime may have opened some of its own meanwhile.
    await until(() => openFds() < before + 20, '200 descriptors are closed');
    assert.deepStrictEqual([seen[0].length, seen[0].take(), seen[0].takeAll()], [0, undefined, []]);
  },

  'descriptors can be taken after an await of once': async (t) => {
    for (const type of ['stream', 'seqpacket', 'dgram']) {
      const [a, b] = t.sockets(type);
      // As long as it listens all the time, it is read on in the same turn.
      b.on(type === 'stream' ? 'data' : 'message', () => {});
      a.send('x', [0, 0]);
      for (let i = 0; i < 10; i++) a.send('y', 0);
      // Behind some more of the same turn.
      const [data, fds] = await (async () => (async () => once(b, type === 'stream' ? 'data' : 'message'))())();
      assert.deepStrictEqual([type, String(data), fds.length], [type, 'x', 2]);
      const [one] = fds;
      t.owns(one);
      assert.strictEqual(describeFd(one).fd, one);
      await new Promise(setImmediate);
      await until(() => fds.length === 0, 'the other one is closed');
    }
  },

  'the number of open untaken descriptors is bounded': async (t) => {
    const [a, b] = t.sockets('seqpacket');
    const before = openFds();
    let most = 0;
    let received = 0;
    b.on('message', (_, fds) => {
      received += fds.length;
      most = Math.max(most, openFds() - before);
    });
    for (let i = 0; i < 500; i++) if (!a.send('x', new Array(20).fill(0))) await event(a, 'drain');
    await until(() => received === 10_000, 'all of them');
    // Those that wait to be sent are 60 or so, too.
    assert.ok(most < 200, `${most} are open`);
  },

  'a socket with untaken descriptors does not delay other sockets': async (t) => {
    const pairs = [1, 2, 3].map(() => t.sockets('seqpacket'));
    const [c, d] = t.sockets('seqpacket');
    const twenty = new Array(20).fill(0);
    const received = [0, 0, 0];
    let stop = false;
    for (const [i, [a, b]] of pairs.entries()) {
      const feed = () => {
        while (!stop && a.send('x', twenty));
      };
      a.on('drain', feed);
      b.on('message', () => received[i]++);
      feed();
    }
    d.on('message', (data) => d.send(data));
    for (let i = 0; i < 5; i++) {
      c.send('ping', 0);
      await event(c, 'message');
    }
    await until(
      () => received.every((count) => count > 100),
      () => `each has received a hundred, not ${received}`,
    );
    stop = true;
  },

  'an exception in a listener: sockets that wait for descriptors to be closed are still read': async (t) => {
    const pairs = [1, 2, 3].map(() => t.sockets('seqpacket'));
    const received = [0, 0, 0];
    const caught = [];
    const onError = (error) => caught.push(error.message);
    process.on('uncaughtException', onError);
    t.after(() => process.off('uncaughtException', onError));
    for (const [i, [a, b]] of pairs.entries()) {
      b.on('message', () => {
        received[i]++;
        if (received[i] % 7 === 0) throw new Error('thrown in a listener');
      });
      for (let j = 0; j < 30; j++) a.send('x', new Array(40).fill(0));
    }
    await until(
      () => received.every((count) => count === 30),
      () => `each has received 30, not ${received}`,
    );
    assert.deepStrictEqual(caught, new Array(12).fill('thrown in a listener'));
  },

  'taken descriptors stay open; the others of the message are closed': async (t) => {
    const [a, b] = t.sockets('seqpacket');
    a.send('x', [0, 0, 0, 0]);
    const [first, second] = await new Promise((resolve) => {
      b.once('message', (_, fds) => {
        const [one, two] = fds;
        assert.strictEqual(fds.length, 2);
        resolve([one, two]);
      });
    });
    t.owns(first);
    t.owns(second);
    assert.notStrictEqual(describeFd(first).fd, describeFd(second).fd);
  },
});
