'use strict';

// Parent to child: every type of handle arrives, and a real client is served through it.

const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const { constants, openSync } = require('node:fs');
const net = require('node:net');
const { closeOnExec } = require('../kit/proc.cjs');
const peers = require('../kit/peers.cjs');
const { nodeMajor } = require('../kit/runtime.cjs');
const { run } = require('../kit/runner.cjs');
const { until } = require('../kit/wait.cjs');

const TEST_CHILDREN = ['blocking', 'tokio'];
const scenarios = {};

for (const family of ['tcp', 'unix']) {
  scenarios[`HND-1/6: net.Server (${family}) is served after the parent closed its own copy`] = async (t) => {
    const child = t.child();
    const server = await peers.listen(t, family);
    const address = peers.lastingAddress(server);
    await child.give(server, 'net.Server', `${family}-listener`);
    server.close();
    for (let i = 0; i < 3; i++) await peers.serves(child, await peers.connect(t, address));
  };

  scenarios[`HND-1/6: net.Socket (${family}) that a server accepted`] = async (t) => {
    const child = t.child();
    const { client, accepted } = await peers.connection(t, await peers.listen(t, family));
    await child.give(accepted, 'net.Socket', family);
    await peers.serves(child, client);
  };

  scenarios[`HND-1/6: net.Socket (${family}) that the parent connected`] = async (t) => {
    const child = t.child();
    const { client, accepted } = await peers.connection(t, await peers.listen(t, family));
    await child.give(client, 'net.Socket', family);
    await peers.serves(child, accepted);
  };

  scenarios[`HND-1/6: net.Native (${family}), a connection`] = async (t) => {
    const child = t.child();
    const { client, accepted } = await peers.connection(t, await peers.listen(t, family));
    await child.give(accepted._handle, 'net.Native', family);
    accepted.destroy(); // a raw handle stays the sender's too (HND-13)
    await peers.serves(child, client);
  };

  scenarios[`HND-1/6: net.Native (${family}), a listener`] = async (t) => {
    const child = t.child();
    const server = await peers.listen(t, family);
    const address = peers.lastingAddress(server);
    await child.give(server._handle, 'net.Native', `${family}-listener`);
    server.close();
    await peers.serves(child, await peers.connect(t, address));
  };

  scenarios[`HND-13: a ${family} socket sent with keepOpen belongs to both`] = {
    kinds: TEST_CHILDREN,
    run: async (t) => {
      const child = t.child();
      const { client, accepted } = await peers.connection(t, await peers.listen(t, family));
      await child.give(accepted, 'net.Socket', family, { keepOpen: true });
      assert.strictEqual(await peers.readTo(client, '\n'), 'hello from rust\n');
      accepted.write('hello from the parent\n');
      assert.strictEqual(await peers.readTo(client, '\n'), 'hello from the parent\n');
      accepted.destroy();
      await peers.echoes(client);
    },
  };
}

for (const [type, make] of [
  ['net.Native', (fd) => new net.Socket({ fd, readable: false })._handle],
  ['net.Socket', (fd) => new net.Socket({ fd, readable: false })],
]) {
  scenarios[`HND-1/6: ${type} (FIFO), the end that is written to`] = {
    kinds: TEST_CHILDREN,
    run: async (t) => {
      const child = t.child();
      const { reader, writer } = fifo(t);
      await child.give(make(writer), type, 'fifo');
      assert.strictEqual(await peers.readTo(reader, '\n'), 'hello from rust\n');
      reader.destroy();
    },
  };
}

scenarios['HND-1/6: net.Native (FIFO) does not disturb the command'] = {
  kinds: ['worker'],
  run: async (t) => {
    const child = t.child();
    await child.give(new net.Socket({ fd: fifo(t).writer, readable: false })._handle, 'net.Native', 'fifo');
    await child.echo();
  },
};

function fifo(t) {
  const path = peers.freshPath(t);
  execFileSync('mkfifo', [path]);
  // O_RDWR: opening one end of a FIFO waits for the other.
  const reader = new net.Socket({ fd: openSync(path, constants.O_RDWR | constants.O_NONBLOCK), writable: false });
  t.after(() => reader.destroy());
  return { reader, writer: openSync(path, constants.O_WRONLY | constants.O_NONBLOCK) };
}

for (const type of ['udp4', 'udp6']) {
  scenarios[`HND-1/6: dgram.Socket (${type})`] = async (t) => {
    const child = t.child();
    const socket = await peers.bound(t, type);
    const { port } = socket.address();
    await child.give(socket, 'dgram.Socket', 'udp');
    socket.close();
    await peers.echoesDatagrams(t, type, port);
  };

  scenarios[`HND-1/6: dgram.Native (${type})`] = async (t) => {
    const child = t.child();
    const socket = await peers.bound(t, type);
    const { port } = socket.address();
    await child.give(peers.rawUdp(socket), 'dgram.Native', 'udp');
    socket.close();
    await peers.echoesDatagrams(t, type, port);
  };
}

scenarios['HND-1/6: net.BoundSocket'] = {
  unless: () => nodeMajor < 26 && 'only Node 26 and later send it',
  run: async (t) => {
    const child = t.child();
    const socket = new net.BoundSocket({ host: '127.0.0.1' });
    const address = socket.address();
    await child.give(socket, 'net.BoundSocket', 'tcp-bound');
    await peers.serves(child, await peers.connect(t, address));
  },
};

scenarios['HND-1: several servers are served concurrently'] = async (t) => {
  const child = t.child();
  const addresses = [];
  for (const family of ['tcp', 'unix', 'tcp']) {
    const server = await peers.listen(t, family);
    addresses.push(peers.lastingAddress(server));
    await child.give(server, 'net.Server', `${family}-listener`);
    server.close();
  }
  const clients = await Promise.all(addresses.map((address) => peers.connect(t, address)));
  await Promise.all(clients.map((client) => peers.serves(child, client)));
};

scenarios['HND-1: two children share one server'] = async (t) => {
  const children = [t.child(), t.child()];
  const server = await peers.listen(t);
  const address = server.address();
  for (const child of children) await child.give(server, 'net.Server', 'tcp-listener');
  server.close();
  // The remaining child serves.
  children[0].killNow();
  await children[0].exited;
  for (let i = 0; i < 3; i++) await peers.serves(children[1], await peers.connect(t, address));
};

scenarios['HND-4: received descriptors are close-on-exec'] = async (t) => {
  const child = t.child();
  await child.echo();
  const before = closeOnExec(child.pid);
  await child.give(await peers.listen(t), 'net.Server', 'tcp-listener');
  await child.give(await peers.bound(t, 'udp4'), 'dgram.Socket', 'udp');
  const received = [...closeOnExec(child.pid)].filter(([fd]) => !before.has(fd));
  assert.ok(received.length >= 2, 'the child holds what it was given');
  assert.deepStrictEqual(
    received.filter(([, closes]) => !closes),
    [],
  );
};

scenarios['HND-7: 50 sockets and plain messages between them arrive in order'] = async (t) => {
  const child = t.child();
  const server = await peers.listen(t);
  const pairs = [];
  for (let i = 0; i < 50; i++) pairs.push(await peers.connection(t, server));
  pairs.forEach(({ accepted }, i) => {
    child.send({ plain: i });
    child.send({ i }, accepted);
  });
  for (let i = 0; i < pairs.length; i++) {
    await child.expect({ plain: i });
    if (child.kind !== 'worker')
      await child.expectReport({ op: 'handle', type: 'net.Socket', kind: 'tcp', value: { i } });
  }
  await Promise.all(pairs.map(({ client }) => peers.serves(child, client)));
};

scenarios['HND-1: the message of a handle may be any JSON value'] = {
  kinds: TEST_CHILDREN,
  run: async (t) => {
    const child = t.child();
    for (const value of [null, 0, [], { cmd: 'NODE_' }, 'x'.repeat(200_000)]) {
      child.send(value, await peers.bound(t, 'udp4'));
      await child.expectReport({ op: 'handle', type: 'dgram.Socket', kind: 'udp', value });
    }
  },
};

scenarios['INT-1: an internal message with a handle is discarded and the handle closed'] = async (t) => {
  const child = t.child();
  await child.echo();
  const before = await child.descriptors();
  child.send({ cmd: 'NODE_FOO' }, await peers.bound(t, 'udp4'));
  await child.echo();
  assert.strictEqual(await child.descriptors(), before);
};

scenarios['HND-14: a socket that is already closed leaves its message'] = async (t) => {
  const child = t.child();
  const { client, accepted } = await peers.connection(t, await peers.listen(t));
  await child.give(accepted, 'net.Socket', 'tcp');
  child.send({ bare: true }, accepted);
  await child.expect({ bare: true });
  await peers.serves(child, client);
};

scenarios['HND-13: descriptors of connections that ended are closed'] = async (t) => {
  const child = t.child();
  const server = await peers.listen(t);
  const round = async () => {
    const { client, accepted } = await peers.connection(t, server);
    await child.give(accepted, 'net.Socket', 'tcp');
    await peers.serves(child, client);
  };
  await round();
  const before = await child.descriptors();
  for (let i = 0; i < 20; i++) await round();
  // The last one may still be on its way out when the client has seen its end.
  await until(async () => (await child.descriptors()) <= before, 'no more descriptors are open than before');
};

run(scenarios);
