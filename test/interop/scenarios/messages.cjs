'use strict';

// Values of JSON over the channel, in either mode, and what never reaches the user.

const assert = require('node:assert');
const { isNode } = require('../kit/runtime.cjs');
const { run } = require('../kit/runner.cjs');
const { until } = require('../kit/wait.cjs');

const scenarios = {};

scenarios['SER-5: any JSON value may be a message'] = async (t) => {
  const child = t.child();
  const values = ['', 'text', 0, -1, 1.5, true, false, null, [], {}, [[]], [null], { a: { b: [1, { c: null }] } }];
  for (const value of values) child.send(value);
  for (const value of values) await child.expect(value);
};

const NUMBERS = {
  numbers: [0, -0, 1e-7, 0.1 + 0.2, 2 ** 53 - 1, 1e21, Number.MAX_VALUE, Number.MIN_VALUE],
  'integers that only fit a double': [2 ** 53, 2 ** 53 + 2, -(2 ** 63), 2 ** 63, 2 ** 64],
  'numbers that JSON does not have': [Number.NaN, Number.POSITIVE_INFINITY],
};
for (const [what, values] of Object.entries(NUMBERS)) {
  scenarios[`SER-3: ${what} come back unchanged`] = async (t) => {
    const child = t.child();
    for (const value of values) {
      await child.echo(value);
      await child.echo({ value });
    }
  };
}

const STRINGS = {
  'lone surrogates': ['\ud800', 'a\udfffb', '\udc00\ud800', { '\ud800': '\udbff' }],
  'characters beyond the first plane': ['😀', '\u{10ffff}', { 𝒳: ['👩‍👩‍👧'] }],
  'line and paragraph separators': ['\u2028\u2029', '\n', '\r\n', '\u0085'],
  'control characters': ['\u0000', '\u0001\u001f\u007f', '\b\f\t"\\/'],
  'a byte order mark': ['\ufeff', '\ufefftext'],
};
for (const [what, values] of Object.entries(STRINGS)) {
  scenarios[`SER-3/11: ${what} come back as they were`] = async (t) => {
    const child = t.child();
    for (const value of values) await child.echo(value);
  };
}

scenarios['SER-3: the order and the names of keys are preserved'] = async (t) => {
  const child = t.child();
  await child.echo(JSON.parse('{"z":1,"a":2,"":3,"__proto__":4,"constructor":5,"toJSON":6,"10":7}'));
};

scenarios['SER-2: a message of 3 MB comes back complete'] = {
  heavy: true,
  run: async (t) => {
    const child = t.child();
    await child.echo('é€😀'.repeat(350_000));
  },
};

scenarios['SER-2: 100,000 small messages come back in order'] = {
  heavy: true,
  deadline: 100_000,
  run: async (t) => {
    const child = t.child();
    const count = 100_000;
    for (let i = 0; i < count; i++) child.send(i);
    for (let i = 0; i < count; i++) {
      const { message } = await child.receive(`message ${i}`);
      if (message !== i) assert.fail(`message ${message} came in place of ${i}`);
    }
  },
};

scenarios['SER-2: messages of every size around the buffer sizes come back'] = {
  heavy: true,
  run: async (t) => {
    const child = t.child();
    for (const edge of [4096, 65536, 131072, 212992]) {
      for (let size = edge - 4; size <= edge + 1; size++) child.send('x'.repeat(size));
      for (let size = edge - 4; size <= edge + 1; size++) await child.expect('x'.repeat(size));
    }
  },
};

scenarios['SER-6: a deeply nested value comes back'] = async (t) => {
  const child = t.child();
  const levels = t.serialization === 'json' ? 1000 : 100; // the child takes 128 in the advanced mode
  let value = 0;
  for (let depth = 0; depth < levels; depth++) value = depth % 2 ? { v: value } : [value];
  await child.echo(value);
};

scenarios['SER-4: the line "undefined" neither comes back nor ends the channel'] = {
  modes: ['json'],
  run: async (t) => {
    const child = t.child();
    child.send({ toJSON() {} });
    if (t.kind !== 'worker') assert.strictEqual((await child.receive('its report')).message.code, 'ERR_IPC_DECODE');
    await child.echo('still here');
  },
};

scenarios['SER-9: a message over the limit is reported, and the channel continues'] = {
  kinds: ['worker'],
  run: async (t) => {
    const child = t.child({ args: ['--max-message', '1000'] });
    await child.echo('x'.repeat(900));
    child.send('x'.repeat(200_000));
    await child.echo('still here');
    await until(() => child.stderr.includes('1000'), 'it has reported the limit');
  },
};

scenarios['INT-1: cmd:"NODE_" is an ordinary message'] = async (t) => {
  await t.child().echo({ cmd: 'NODE_' });
};

scenarios['INT-1: a message that only resembles a command is an ordinary message'] = async (t) => {
  const child = t.child();
  const ordinary = [{ cmd: 'node_foo' }, { cmd: 5 }, { cmd: null }, { cmd: ['NODE_FOO'] }, { CMD: 'NODE_FOO' }];
  for (const value of [...ordinary, { a: { cmd: 'NODE_FOO' } }, [{ cmd: 'NODE_FOO' }], 'NODE_FOO']) {
    await child.echo(value);
  }
};

scenarios['INT-1: unknown NODE_ commands are discarded'] = async (t) => {
  const child = t.child();
  child.send({ cmd: 'NODE_FOO' });
  child.send({ first: 1, cmd: 'NODE_BAR', last: [] });
  child.send({ cmd: 'NODE_\u00e9' });
  child.send({ cmd: 'NODE_DEBUG_ENABLED' });
  await child.echo('the next one');
};

scenarios['INT-2: unexpected acknowledgements are harmless'] = async (t) => {
  const child = t.child();
  for (const cmd of ['NODE_HANDLE_ACK', 'NODE_HANDLE_NACK']) {
    child.send({ cmd });
    if (t.kind !== 'worker') {
      assert.strictEqual((await child.receive('its report')).message.code, 'ERR_IPC_UNEXPECTED_REPLY');
    }
  }
  await child.echo('the next one');
};

scenarios['INT-2: unexpected answers are discarded'] = async (t) => {
  const child = t.child();
  child.send({ cmd: 'NODE_SOCKET_COUNT', key: 'nobody', count: 1 });
  child.send({ cmd: 'NODE_SOCKET_ALL_CLOSED', key: 'nobody' });
  await child.echo('the next one');
};

scenarios['LIFE-11: messages sent before the parent listens are kept'] = {
  kinds: ['blocking', 'tokio'],
  unless: () => !isNode && 'only Node shows when a message has arrived that nobody listens for',
  run: async (t) => {
    const child = t.child({ listen: false });
    child.send({ op: 'burst', count: 3, size: 10 });
    const { channel } = child.process;
    const kept = Object.getOwnPropertySymbols(channel).find(({ description }) => description === 'kPendingMessages');
    await until(() => channel[kept].length === 3, 'three messages are kept');
    child.listen();
    for (let i = 0; i < 3; i++) await child.expect({ i, pad: 'x'.repeat(10) });
  },
};

run(scenarios);
