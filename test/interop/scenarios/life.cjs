'use strict';

// How a channel ends, and how the parent's end affects the child.

const assert = require('node:assert');
const { once } = require('node:events');
const { parentOf } = require('../kit/parent.cjs');
const peers = require('../kit/peers.cjs');
const { resting, stopped } = require('../kit/proc.cjs');
const { run } = require('../kit/runner.cjs');
const { event, until, within } = require('../kit/wait.cjs');

const TEST_CHILDREN = ['blocking', 'tokio'];
const scenarios = {};

scenarios['LIFE-1: when the parent disconnects, the child ends with 0'] = async (t) => {
  const child = t.child();
  await child.echo();
  child.process.disconnect();
  await child.endsCleanly();
  assert.strictEqual(child.stderr, '');
};

scenarios['LIFE-1: when the parent disconnects at once, the child ends with 0'] = async (t) => {
  const child = t.child();
  child.process.disconnect();
  await child.endsCleanly();
};

scenarios['LIFE-1/6: when the child disconnects, the parent sees disconnect, exit 0, close, and no error'] = {
  kinds: TEST_CHILDREN,
  run: async (t) => {
    const child = t.child();
    await child.echo();
    child.send({ op: 'close' });
    await child.endsCleanly();
    if (!child.events.includes('close')) await event(child.process, 'close');
    assert.deepStrictEqual(child.events.slice(0, 2).sort(), ['disconnect', 'exit']);
  },
};

scenarios['LIFE-2: a child that disconnects with data unread is a clean end'] = {
  kinds: TEST_CHILDREN,
  run: async (t) => {
    const child = t.child();
    await child.echo();
    child.send({ op: 'close' });
    for (let i = 0; i < 500; i++) child.send({ unread: 'x'.repeat(1000) });
    await child.endsCleanly();
  },
};

scenarios['LIFE-2/8: a parent that disconnects while the child sends is a clean end'] = {
  kinds: TEST_CHILDREN,
  run: async (t) => {
    const child = t.child();
    await child.echo();
    await child.written({ op: 'burst', count: 10_000, size: 10_000 });
    disconnectUnread(child);
    // A test child ends with the error that its send() had: neither by SIGPIPE nor by a panic.
    const end = await within(child.exited, 'the exit');
    assert.deepStrictEqual(end, { code: 1, signal: null });
    await until(() => child.stderr.includes('\n'), 'it has said why');
    assert.match(child.stderr, /^interop-child: ERR_IPC_CHANNEL_CLOSED: [^\n]+\n$/);
  },
};

scenarios['LIFE-2/8: a parent that disconnects with echoes in flight is a clean end'] = {
  kinds: ['worker'],
  run: async (t) => {
    const child = t.child();
    await child.echo();
    for (let i = 0; i < 50; i++) child.send('x'.repeat(10_000));
    disconnectUnread(child);
    await child.endsCleanly();
  },
};

/** Disconnects without having read anything: Node does not disconnect in the middle of a message (LIFE-4). */
function disconnectUnread(child) {
  const end = Date.now() + 20_000;
  while (!resting(child.pid)) assert.ok(Date.now() < end, 'waited 20 s until the child rests');
  child.process.disconnect();
}

scenarios['LIFE-3: messages sent before the child disconnects arrive: 5 MB'] = {
  kinds: TEST_CHILDREN,
  run: async (t) => {
    const child = t.child();
    child.send({ op: 'burst-then-close', count: 50, size: 100_000 });
    for (let i = 0; i < 50; i++) await child.expect({ i, pad: 'x'.repeat(100_000) });
    await child.endsCleanly();
  },
};

scenarios['LIFE-4: a request on a socket that was sent just before the disconnect is answered'] = {
  kinds: ['worker'],
  run: async (t) => {
    const server = await peers.listen(t);
    for (let i = 0; i < 10; i++) {
      const { client, accepted } = await peers.connection(t, server);
      client.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
      const child = t.child();
      child.send('a socket', accepted);
      child.process.disconnect(); // Node waits for the acknowledgement (LIFE-3)
      await peers.readTo(client, `pid is ${child.pid}\n`);
      await child.endsCleanly();
    }
  },
};

scenarios['LIFE-5: a child that disconnects acknowledges a handle in flight first'] = {
  kinds: TEST_CHILDREN,
  run: async (t) => {
    for (let i = 0; i < 20; i++) {
      const child = t.child();
      await child.echo();
      const socket = await peers.bound(t, 'udp4');
      // Stopped, so that it cannot be gone before the handle is on its way.
      process.kill(child.pid, 'SIGSTOP');
      await until(() => stopped(child.pid), 'the child has stopped');
      child.send({ op: 'close' });
      child.send('late', socket);
      process.kill(child.pid, 'SIGCONT');
      await child.endsCleanly(); // without the acknowledgement there is no 'disconnect'
    }
  },
};

for (const [when, burst] of [
  ['when idle', undefined],
  ['while it sends', { op: 'burst', count: 100_000, size: 1000 }],
]) {
  scenarios[`LIFE-12: a child ends when its parent is killed ${when}`] = {
    kinds: burst && TEST_CHILDREN,
    run: async (t) => {
      const { parent } = await parentOf(
        t,
        `child.once('message', () => console.log(child.pid));
         child.send('hello');
         child.send(${JSON.stringify(burst ?? 'hello')});`,
      );
      parent.kill('SIGKILL');
      // The child has the parent's stdout as well: its end is the end of both.
      await within(once(parent.stdout, 'close'), 'the child to end');
    },
  };
}

run(scenarios);
