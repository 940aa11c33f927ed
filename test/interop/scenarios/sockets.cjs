'use strict';

// The parent's server knows of the connections that a child holds.

const assert = require('node:assert');
const { once } = require('node:events');
const peers = require('../kit/peers.cjs');
const { run } = require('../kit/runner.cjs');
const { within, until } = require('../kit/wait.cjs');

const scenarios = {};

/** A child that holds `count` connections of a server, the clients at their other ends. */
async function holding(t, count, family) {
  const child = t.child();
  const server = await peers.listen(t, family);
  const clients = [];
  for (let i = 0; i < count; i++) clients.push(await hand(t, child, server));
  return { child, server, clients };
}

async function hand(t, child, server, options) {
  const { client, accepted } = await peers.connection(t, server);
  await child.give(accepted, 'net.Socket', server.address().port ? 'tcp' : 'unix', options);
  return client;
}

function connections(server) {
  const answer = new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });
  return within(answer, 'getConnections()');
}

/** Closes `server` and tells whether that is complete. */
function closing(server) {
  const state = { complete: false };
  state.completion = new Promise((resolve) => {
    server.close(() => {
      state.complete = true;
      resolve();
    });
  });
  return state;
}

/** Ends the connection and waits until the child has ended it as well. */
async function hangUp(client) {
  client.resume();
  client.end();
  if (!client.closed) await within(once(client, 'close'), 'the child to close its end');
}

for (const family of ['tcp', 'unix']) {
  scenarios[`SOCK-2/3: getConnections() counts what the child holds (${family})`] = async (t) => {
    const { server, clients } = await holding(t, 2, family);
    assert.strictEqual(await connections(server), 2);
    await hangUp(clients[0]);
    // The child's count lags briefly behind its close().
    await until(async () => (await connections(server)) === 1, 'one connection is left');
    await hangUp(clients[1]);
    await until(async () => (await connections(server)) === 0, 'no connection is left');
  };

  scenarios[`SOCK-4: server.close() completes when the child's last connection has ended (${family})`] = async (t) => {
    const { child, server, clients } = await holding(t, 2, family);
    const close = closing(server);
    await child.echo(); // the child has had its NODE_SOCKET_NOTIFY_CLOSE
    await hangUp(clients[0]);
    await child.echo();
    assert.strictEqual(close.complete, false);
    await hangUp(clients[1]);
    await within(close.completion, 'server.close()');
  };
}

scenarios['SOCK-3: connections of several children add up'] = async (t) => {
  const { server, child } = await holding(t, 2);
  const other = t.child();
  await hand(t, other, server);
  assert.strictEqual(await connections(server), 3);
  child.killNow();
  await within(child.exited, 'its exit');
  assert.strictEqual(await connections(server), 1);
};

scenarios['SOCK-4: server.close() completes at once when the child holds no connection'] = async (t) => {
  const { server, clients } = await holding(t, 2);
  for (const client of clients) await hangUp(client);
  await within(closing(server).completion, 'server.close()');
};

scenarios['SOCK-4: server.close() waits for each of two children'] = async (t) => {
  const { server, clients } = await holding(t, 1);
  const other = t.child();
  const client = await hand(t, other, server);
  const close = closing(server);
  await hangUp(clients[0]);
  await other.echo();
  assert.strictEqual(close.complete, false);
  await hangUp(client);
  await within(close.completion, 'server.close()');
};

scenarios['SOCK-5: server.close() completes when the child is killed'] = async (t) => {
  const { child, server } = await holding(t, 2);
  const close = closing(server);
  await child.echo();
  assert.strictEqual(close.complete, false);
  child.killNow();
  await within(close.completion, 'server.close()');
};

scenarios['SOCK-5: server.close() completes when the child disconnects'] = {
  kinds: ['blocking', 'tokio'],
  run: async (t) => {
    const { child, server } = await holding(t, 1);
    const close = closing(server);
    child.send({ op: 'close' });
    await within(close.completion, 'server.close()');
    await child.endsCleanly();
  },
};

scenarios['SOCK-5: server.close() completes when the parent disconnects'] = async (t) => {
  const { child, server, clients } = await holding(t, 1);
  const close = closing(server);
  await child.echo();
  child.process.disconnect();
  await within(close.completion, 'server.close()');
  clients[0].destroy();
  await child.endsCleanly();
};

scenarios['SOCK-5: a socket sent with keepOpen counts on both sides'] = async (t) => {
  const child = t.child();
  const server = await peers.listen(t);
  await hand(t, child, server, { keepOpen: true });
  assert.strictEqual(await connections(server), 2);
};

scenarios['SOCK-6: a question sent after a handle is answered after it'] = async (t) => {
  const { child, server } = await holding(t, 1);
  const { accepted } = await peers.connection(t, server);
  child.send({ late: true }, accepted);
  assert.strictEqual(await connections(server), 2);
};

scenarios['SOCK-2: sockets and servers without a key are not counted'] = async (t) => {
  const child = t.child();
  const server = await peers.listen(t);
  const { client, accepted } = await peers.connection(t, server);
  t.after(() => accepted.destroy());
  await child.give(client, 'net.Socket', 'tcp');
  await child.give(server, 'net.Server', 'tcp-listener');
  assert.strictEqual(await connections(server), 1); // the parent's own
};

run(scenarios);
