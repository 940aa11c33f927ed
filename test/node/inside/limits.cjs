'use strict';

// Behaviour at this process's descriptor limit.

const assert = require('node:assert');
const { event } = require('../../interop/kit/wait.cjs');
const { abstractName, crossfork, fillUp, hasPrlimit, limitFds, run, thrown } = require('./kit.cjs');

const { closeFd, recvFds, sendFds } = crossfork;
const limited = { unless: () => !hasPrlimit() && 'there is no prlimit here' };

/** Runs something while no more descriptors are free than that. Bun frees some of its own meanwhile. */
async function withFree(t, count, act) {
  limitFds(300);
  t.after(() => limitFds(4096));
  const fillers = fillUp();
  try {
    for (const fd of fillers.splice(0, count)) closeFd(fd);
    return await act();
  } finally {
    fillers.forEach(closeFd);
  }
}

run({
  'receiving at the descriptor limit: the message says that descriptors were lost': {
    ...limited,
    run: async (t) => {
      const [a, b] = t.sockets('seqpacket');
      a.send('x', [0, 0, 0, 0, 0, 0, 0, 0]);
      const received = new Promise((resolve) => {
        b.on('message', (data, fds) => resolve([String(data), fds.length, fds.lost]));
      });
      const got = await withFree(t, 3, () => received);
      assert.ok(got[1] < 8, `${got[1]} came`);
      assert.deepStrictEqual([got[0], got[2]], ['x', true]);
      a.send('y', 0);
      const [, fds] = await event(b, 'message');
      assert.strictEqual(fds.lost, false);
    },
  },

  'recvFds at the descriptor limit: returns what fits and reports lost descriptors': {
    ...limited,
    run: async (t) => {
      const [a, b] = t.pair('seqpacket');
      sendFds(a, 'x', [0, 0, 0, 0, 0, 0, 0, 0]);
      const got = await withFree(t, 3, () => recvFds(b));
      got.fds.forEach(closeFd);
      assert.ok(got.fds.length === 3 || process.versions.bun, `${got.fds.length} came`);
      assert.deepStrictEqual([String(got.data), got.fdsLost, got.end], ['x', got.fds.length < 8, false]);
      sendFds(a, 'y', [0]);
      const { fds, fdsLost } = recvFds(b);
      fds.forEach(closeFd);
      assert.deepStrictEqual([fds.length, fdsLost], [1, false]);
    },
  },

  'a descriptor that must be queued and cannot be duplicated fails only its callback': {
    unless: () => limited.unless() || (process.versions.bun && 'Bun frees descriptors of its own meanwhile'),
    run: async (t) => {
      const [a, b] = t.sockets('seqpacket');
      while (a.send(Buffer.alloc(5000)));
      const error = await withFree(t, 0, () => new Promise((resolve) => a.send('x', 0, resolve)));
      assert.deepStrictEqual([error.code, error.syscall, error.errno], ['EMFILE', 'dup', -24]);
      const texts = [];
      b.on('message', (data) => data.length < 100 && texts.push(String(data)));
      a.send('the next one');
      await event(a, 'drain');
      a.end();
      await event(b, 'end');
      assert.deepStrictEqual(texts, ['the next one']);
    },
  },

  'creating a descriptor at the descriptor limit is an error': {
    unless: () => limited.unless() || (process.versions.bun && 'Bun frees descriptors of its own meanwhile'),
    run: (t) =>
      withFree(t, 0, () => {
        const name = abstractName();
        for (const [act, syscall] of [
          [() => crossfork.socketpair(), 'socketpair'],
          [() => crossfork.dup(0), 'dup'],
          [() => crossfork.memfd('x'), 'memfd_create'],
          [() => crossfork.connect(name), 'connect'],
          [() => crossfork.createFdServer(name), 'bind'],
        ]) {
          const error = thrown(act);
          assert.deepStrictEqual([error.code, error.errno, error.syscall], ['EMFILE', -24, syscall]);
        }
      }),
  },
});
