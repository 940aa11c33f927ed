'use strict';

// Child to parent: every type of handle arrives in the parent as what it is, and works.

const assert = require('node:assert');
const dgram = require('node:dgram');
const net = require('node:net');
const peers = require('../kit/peers.cjs');
const { nodeMajor } = require('../kit/runtime.cjs');
const { run } = require('../kit/runner.cjs');
const { event, until } = require('../kit/wait.cjs');

const COUNT = 3;
const scenarios = {};

for (const family of ['tcp', 'unix']) {
  scenarios[`HND-17: net.Server (${family}) accepts in the parent`] = async (t) => {
    for (const server of await request(t, 'net.Server', family)) {
      assert.ok(server instanceof net.Server);
      await accepts(t, server);
      server.close();
    }
  };

  scenarios[`HND-17: net.Socket (${family}) is connected in the parent`] = async (t) => {
    for (const socket of await request(t, 'net.Socket', family)) {
      assert.ok(socket instanceof net.Socket);
      await answers(socket);
    }
  };

  scenarios[`HND-17: net.Native (${family}) is a raw handle in the parent`] = async (t) => {
    for (const handle of await request(t, 'net.Native', family)) {
      assert.match(handle.constructor.name, family === 'tcp' ? /^TCP/ : /^Pipe/);
      const socket = new net.Socket({ handle, readable: true, writable: true });
      t.after(() => socket.destroy());
      await answers(socket);
    }
  };
}

scenarios['HND-17: net.Native (FIFO) is a raw handle in the parent'] = async (t) => {
  for (const handle of await request(t, 'net.Native', 'fifo')) {
    assert.match(handle.constructor.name, /^Pipe/);
    const reader = new net.Socket({ handle, readable: true, writable: false });
    t.after(() => reader.destroy());
    assert.match(await peers.readTo(reader, '\n'), /^(hello from rust|handled by child, pid is \d+)\n$/);
  }
};

for (const type of ['udp4', 'udp6']) {
  scenarios[`HND-17: dgram.Socket (${type}) receives in the parent`] = async (t) => {
    for (const socket of await request(t, 'dgram.Socket', type)) {
      assert.ok(socket instanceof dgram.Socket);
      assert.strictEqual(socket.type, type);
      await receives(t, socket);
    }
  };

  scenarios[`HND-17: dgram.Native (${type}) is a raw handle in the parent`] = async (t) => {
    for (const handle of await request(t, 'dgram.Native', type)) {
      assert.strictEqual(handle.constructor.name, 'UDP');
      const socket = dgram.createSocket(type);
      t.after(() => socket.close());
      const listening = event(socket, 'listening');
      socket.bind({ fd: handle.fd });
      await listening;
      await receives(t, socket);
    }
  };
}

scenarios['HND-17: net.BoundSocket can listen in the parent'] = {
  unless: () => nodeMajor < 26 && 'only Node 26 and later know it',
  run: async (t) => {
    for (const socket of await request(t, 'net.BoundSocket')) {
      assert.ok(socket instanceof net.BoundSocket);
      const server = net.createServer().listen(socket);
      await event(server, 'listening');
      await accepts(t, server);
      server.close();
    }
  },
};

async function request(t, type, via) {
  const child = t.child();
  child.request(type, COUNT, via);
  const handles = [];
  for (let i = 0; i < COUNT; i++) handles.push(await child.take(type, i));
  t.after(() => handles.forEach(peers.close));
  await child.echo(); // the channel goes on
  return handles;
}

/** The child is at the other end. The test children greet before they echo. */
async function answers(socket) {
  socket.write('ping\n');
  assert.match(await peers.readTo(socket, 'ping\n'), /^(hello from rust\n)?ping\n$/);
}

async function accepts(t, server) {
  const address = server.address()?.port ? server.address() : peers.boundPath(server._handle.fd);
  const [client, [accepted]] = await Promise.all([peers.connect(t, address), event(server, 'connection')]);
  accepted.end('hello from the parent\n');
  assert.strictEqual(await peers.readTo(client, '\n'), 'hello from the parent\n');
}

async function receives(t, socket) {
  const { family, address, port } = socket.address();
  const client = await peers.bound(t, family === 'IPv6' ? 'udp6' : 'udp4');
  const arrival = event(socket, 'message', 'the datagram');
  client.send('ping', port, address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address);
  assert.strictEqual(String((await arrival)[0]), 'ping');
}

scenarios['HND-7: 50 sockets arrive in order'] = async (t) => {
  const child = t.child();
  child.request('net.Socket', 50);
  for (let i = 0; i < 50; i++) {
    const socket = await child.take('net.Socket', i);
    t.after(() => socket.destroy());
    await answers(socket);
  }
};

scenarios['HND-7: messages sent after handles arrive after them'] = {
  kinds: ['blocking', 'tokio'], // the command sends handles on the side
  run: async (t) => {
    const child = t.child();
    child.request('net.Socket', 20);
    child.send('behind');
    for (let i = 0; i < 20; i++) (await child.take('net.Socket', i)).destroy();
    await child.expect('behind');
  },
};

for (const type of ['net.Server', 'dgram.Socket', 'dgram.Native']) {
  scenarios[`HND-13: after the acknowledgement the child has no copy of a ${type}`] = async (t) => {
    const child = t.child();
    const before = await child.descriptors();
    child.request(type, 10);
    for (let i = 0; i < 10; i++) {
      const handle = await child.take(type, i);
      t.after(() => peers.close(handle));
    }
    await child.echo();
    assert.strictEqual(await child.descriptors(), before);
  };
}

scenarios['HND-13: when the parent closes a net.Socket, the child keeps no descriptor of it'] = async (t) => {
  const child = t.child();
  const before = await child.descriptors();
  child.request('net.Socket', 10);
  for (let i = 0; i < 10; i++) (await child.take('net.Socket', i)).destroy();
  // The child keeps the other ends, until it has seen their end.
  await until(async () => (await child.descriptors()) === before, 'the child holds as many descriptors as before');
};

run(scenarios);
