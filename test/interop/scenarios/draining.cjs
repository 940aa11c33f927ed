'use strict';

// How the `crossfork worker` command ends: it stops accepting, finishes what it is serving, and exits with 0.

const assert = require('node:assert');
const { readdirSync } = require('node:fs');
const net = require('node:net');
const { tmpdir } = require('node:os');
const peers = require('../kit/peers.cjs');
const { run } = require('../kit/runner.cjs');
const { until } = require('../kit/wait.cjs');

const HEAD = 'GET / HTTP/1.1\r\n';
const REST = 'Host: localhost\r\n\r\n';
const scenarios = {};

for (const [how, stop] of [
  ['a disconnect', (child) => child.process.disconnect()],
  ['SIGTERM', terminate],
  ['SIGTERM after a disconnect', (child) => [child.process.disconnect(), terminate(child)]],
]) {
  scenarios[`LIFE-1: ${how} ends an idle child`] = worker(async (t) => {
    const child = t.child();
    const { client, accepted } = await peers.connection(t, await peers.listen(t));
    await child.give(accepted, 'net.Socket', 'tcp');
    await peers.answersHttp(child, client); // from now on an idle keep-alive connection
    stop(child);
    await child.endsCleanly();
    assert.strictEqual(child.stderr, '');
  });

  scenarios[`LIFE-1: ${how} finishes a request in flight`] = worker(async (t) => {
    const { child, client } = await halfARequest(t);
    stop(child);
    // The answer is on its way when the rest of the request is.
    await peers.answersHttp(child, client, REST);
    await child.endsCleanly();
  });

  scenarios[`LIFE-1: after ${how} new connections are refused`] = worker(async (t) => {
    const { child } = await halfARequest(t);
    const server = await peers.listen(t);
    const { port } = server.address();
    await child.give(server, 'net.Server', 'tcp-listener');
    server.close();
    await peers.serves(child, await peers.connect(t, { address: '127.0.0.1', port }));
    stop(child);
    await refused(t, port);
    assert.strictEqual(child.process.exitCode, null, 'the request in flight keeps it');
  });

  scenarios[`LIFE-1: after ${how} a request that never ends is abandoned`] = worker(async (t) => {
    const patient = await halfARequest(t, ['--drain-timeout', '1000']);
    const hasty = await halfARequest(t, ['--drain-timeout', '0.2']);
    stop(patient.child);
    stop(hasty.child);
    await hasty.child.endsCleanly();
    assert.strictEqual(patient.child.process.exitCode, null, 'the other one has time');
  });
}

scenarios['LIFE-1: UDP sockets do not delay the end'] = worker(async (t) => {
  const child = t.child();
  await child.give(await peers.bound(t, 'udp4'), 'dgram.Socket', 'udp');
  child.process.disconnect();
  await child.endsCleanly();
});

scenarios['LIFE-1: the child removes the path of its server'] = worker(async (t) => {
  const child = t.child();
  const paths = () => readdirSync(tmpdir()).filter((name) => name.includes(`-${child.pid}-`));
  child.request('net.Server', 1, 'unix');
  const server = await child.take('net.Server', 0);
  t.after(() => peers.close(server));
  assert.strictEqual(paths().length, 1);
  child.process.disconnect();
  await child.endsCleanly();
  assert.deepStrictEqual(paths(), []);
});

/** Not ChildProcess.kill(), after which Deno reports the signal whatever the child made of it. */
function terminate(child) {
  process.kill(child.pid, 'SIGTERM');
}

function worker(run) {
  return { kinds: ['worker'], run };
}

/** A child with a connection on which it has read half a request. */
async function halfARequest(t, args) {
  const child = t.child({ args });
  const { client, accepted } = await peers.connection(t, await peers.listen(t));
  client.write(HEAD);
  await child.give(accepted, 'net.Socket', 'tcp');
  return { child, client };
}

async function refused(t, port) {
  const attempt = () =>
    new Promise((resolve) => {
      const client = net.connect(port, '127.0.0.1', () => resolve('connected'));
      client.on('error', ({ code }) => resolve(code));
      t.after(() => client.destroy());
    });
  await until(async () => (await attempt()) === 'ECONNREFUSED', 'connections are refused');
}

run(scenarios);
