'use strict';

// The `advanced` mode besides its values: frames, commands, handles and the environment.

const assert = require('node:assert');
const cluster = require('node:cluster');
const { readFileSync, writeSync } = require('node:fs');
const net = require('node:net');
const { setImmediate } = require('node:timers/promises');
const peers = require('../kit/peers.cjs');
const { notRecorded, recorded } = require('../kit/recorded.cjs');
const { run } = require('../kit/runner.cjs');
const { event, until } = require('../kit/wait.cjs');

const TEST_CHILDREN = ['blocking', 'tokio'];
const scenarios = {};

scenarios['ADV-2/3: frames that arrive byte by byte are whole'] = {
  heavy: true,
  unless: notRecorded,
  run: async (t) => {
    const child = t.child();
    await child.echo();
    for (const { id, frame, received } of recorded) {
      for (const byte of frame) {
        writeRaw(child, [byte]);
        await setImmediate();
      }
      assert.deepStrictEqual((await child.receive(id)).message, received(), id);
    }
  },
};

scenarios['ADV-2: invalid frames are reported, and the channel continues'] = async (t) => {
  const child = t.child();
  await child.echo();
  for (const frame of ['00000000', '00000001ff', '00000002ff0f', '0000000568656c6c6f', '00000003ff1030']) {
    const { length } = child.stderr;
    writeRaw(child, Buffer.from(frame, 'hex'));
    if (t.kind === 'worker') {
      await until(() => child.stderr.length > length, 'it has reported the frame');
    } else {
      assert.strictEqual((await child.receive('its report')).message.code, 'ERR_IPC_DECODE');
    }
    await child.echo();
  }
};

scenarios['ADV-3: a flood of messages of many sizes, with handles among them, leaves no Node stuck'] = {
  heavy: true,
  run: async (t) => {
    const child = t.child();
    const message = (i) => [i, 'x'.repeat((i * 7) % 61)];
    const count = 20_000;
    for (let i = 0; i < count; i++) {
      if (i % 1000 === 0) child.request('dgram.Socket', 1);
      child.send(message(i));
    }
    for (let [next, handles] = [0, 0]; next < count || handles < count / 1000; ) {
      const received = await child.receive(`message ${next}, after ${handles} handles,`);
      if (received.handle) {
        received.handle.close();
        handles++;
      } else {
        assert.deepStrictEqual(received.message, message(next++));
      }
    }
  },
};

scenarios['NEVER-2: a damaged value is not sent back, and the channel continues'] = {
  kinds: ['worker'],
  run: async (t) => {
    const child = t.child();
    await child.echo();
    // An unknown tag, half an object, a reference to nothing, a wrong count.
    for (const record of ['ff0f01', 'ff0f6f2201', 'ff0f5e07', 'ff0f6f2201614902' + '7b05']) {
      const bytes = Buffer.from(record, 'hex');
      writeRaw(child, Buffer.from([0, 0, 0, bytes.length, ...bytes]));
      await child.echo();
    }
  },
};

/** Writes to the channel past Node's own writer, which is idle. */
function writeRaw(child, bytes) {
  const handle = Object.getOwnPropertySymbols(child.process).find(
    ({ description }) => description === 'kChannelHandle',
  );
  const data = Buffer.from(bytes);
  assert.strictEqual(writeSync(child.process[handle].fd, data), data.length);
}

scenarios["INT-1: any value with a command of Node's is discarded"] = async (t) => {
  const child = t.child();
  class Command {
    cmd = 'NODE_FOO';
  }
  const late = Object.fromEntries([...Array(100).keys()].map((i) => [`key${i}`, [i, new Map([[i, { cmd: 'x' }]])]]));
  // V8 writes some texts in two bytes a character although one would do.
  const wide = '€NODE_FOO'.slice(1);
  const swallowed = [
    { cmd: wide },
    JSON.parse('{"€":"the text is two bytes a character","cmd":"NODE_FOO"}'),
    { cmd: 'NODE_é' },
    { cmd: 'NODE_€' },
    { '€': 1, cmd: 'NODE_FOO' },
    { ...late, cmd: 'NODE_FOO' },
    Object.assign([1, 2], { cmd: 'NODE_FOO' }),
    Object.assign(new Array(3), { cmd: 'NODE_FOO' }),
    new Command(),
    {
      get cmd() {
        return 'NODE_FOO';
      },
    },
  ];
  for (const value of swallowed) child.send(value);
  await child.echo('the next one');
};

scenarios["INT-1: a message that only resembles a command of Node's is an ordinary message"] = async (t) => {
  const child = t.child();
  const ordinary = [
    new Map([['cmd', 'NODE_FOO']]),
    new Set(['cmd', 'NODE_FOO']),
    { cmd: Object('NODE_FOO') },
    { cmd: ['NODE_FOO'] },
    { cmd: 'NODE_' },
    { cmd: '\u0000NODE_FOO' },
    { 'cmd\u0000': 'NODE_FOO' },
    { a: { cmd: 'NODE_FOO' } },
    [{ cmd: 'NODE_FOO' }],
    Object('NODE_FOO'),
    new Error('cmd: NODE_FOO'),
    Buffer.from('"\u0003cmd"\u0008NODE_FOO'),
  ];
  for (const value of ordinary) {
    child.send(value);
    assert.deepStrictEqual((await child.receive()).message, value);
  }
};

scenarios['HND-1: the message of a handle may contain values that JSON lacks'] = {
  kinds: TEST_CHILDREN,
  run: async (t) => {
    const child = t.child();
    const value = { when: new Date(5), map: new Map([['€', [undefined]]]), text: Object('boxed'), '\u00fc': -0.5 };
    child.send(value, await peers.bound(t, 'udp4'));
    // As its nearest relative in JSON, which is what the child reports.
    const relative = { when: 5, map: { '€': [null] }, text: 'boxed', '\u00fc': -0.5 };
    await child.expectReport({ op: 'handle', type: 'dgram.Socket', kind: 'udp', value: relative });
  },
};

scenarios['SOCK-2/3: the connections of a server with a non-Latin path are counted'] = async (t) => {
  const child = t.child();
  const server = net.createServer({ pauseOnConnect: true }).listen(`${peers.freshPath(t)}€`);
  await event(server, 'listening');
  t.after(() => server.close());
  const { accepted } = await peers.connection(t, server);
  await child.give(accepted, 'net.Socket', 'unix');
  const count = await new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });
  assert.strictEqual(count, 1);
};

scenarios['NEVER-2: a record that this Node writes but cannot read is not sent back'] = {
  kinds: ['worker'],
  run: async (t) => {
    const child = t.child();
    let deep = {};
    for (let i = 0; i < 2500; i++) deep = { deep };
    child.send(deep);
    await child.echo();
  },
};

scenarios['CH-2/10: the environment announces the serialization'] = async (t) => {
  const child = t.child({
    stdio: ['ignore', 'pipe', 'pipe', 'ignore', 'ipc'],
    wrapper: ['sh', '-c', 'exec "$0" "$@"'],
  });
  child.send(new Set([1n]));
  assert.deepStrictEqual((await child.receive()).message, new Set([1n]));
  const environment = readFileSync(`/proc/${child.pid}/environ`, 'utf8').split('\0');
  const variables = environment.filter((variable) => variable.startsWith('NODE_CHANNEL_')).sort();
  assert.deepStrictEqual(variables, ['NODE_CHANNEL_FD=4', 'NODE_CHANNEL_SERIALIZATION_MODE=advanced']);
};

scenarios['CH-11: cluster.fork() can choose the serialization'] = {
  kinds: TEST_CHILDREN,
  run: async (t) => {
    const { execPath } = process;
    cluster.setupPrimary({ exec: t.kind, args: [], execArgv: [], silent: true, serialization: 'advanced' });
    process.execPath = t.binary;
    const worker = cluster.fork();
    process.execPath = execPath;
    t.after(() => worker.process.kill('SIGKILL'));
    worker.send(new Map([[1n, 2]]));
    assert.deepStrictEqual((await event(worker, 'message'))[0], new Map([[1n, 2]]));
  },
};

run(scenarios);
