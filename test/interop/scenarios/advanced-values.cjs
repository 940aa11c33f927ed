'use strict';

// The values that the `advanced` mode has beyond JSON, from Node to the child and back.

const assert = require('node:assert');
const { randomBytes } = require('node:crypto');
const { inspect } = require('node:util');
const { notRecorded, recorded } = require('../kit/recorded.cjs');
const { run } = require('../kit/runner.cjs');
const { nodeMajor } = require('../kit/runtime.cjs');

const TEST_CHILDREN = ['blocking', 'tokio'];
const scenarios = {};

/** A value as it comes back from a child that has only looked at it, or that has taken it to pieces. */
const ROUTES = {
  'comes back': {
    take: async (child, value) => {
      child.send(value);
      return (await child.receive()).message;
    },
  },
  'comes back decoded and encoded': {
    kinds: TEST_CHILDREN,
    take: async (child, value) => {
      child.send({ op: 'recode', node: nodeMajor, value });
      const { message } = await child.receive();
      assert.strictEqual(message.op, 'recoded', inspect(message));
      return message.value;
    },
  },
};

for (const [comesBack, { kinds, take }] of Object.entries(ROUTES)) {
  const scenario = (name, run) => {
    scenarios[`${name} ${comesBack}`] = { kinds, run: (t) => run((child, value) => take(child, value), t.child()) };
    return scenarios[`${name} ${comesBack}`];
  };

  scenario('ADV-4/6/9: every kind of value', async (take, child) => {
    for (const { id, sent, received } of recorded) assert.deepStrictEqual(await take(child, sent()), received(), id);
  }).unless = notRecorded;

  scenario('ADV-4: every number', async (take, child) => {
    const integers = [0, 2 ** 30, 2 ** 31, 2 ** 32, 2 ** 53].flatMap((n) => [n - 1, n, -n, 1 - n, n + 1]);
    const odd = [-0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.MIN_VALUE, 0.1, 1e21];
    const big = [0n, 1n, 63n, 64n, 128n].flatMap((bits) => [2n ** bits - 1n, 2n ** bits, -(2n ** bits)]);
    for (const number of [...integers, ...odd, ...big]) {
      const [back] = await take(child, [number]);
      assert.ok(Object.is(back, number), `${inspect(back)} is not ${inspect(number)}`);
    }
  });

  scenario('ADV-4/5: every text, as value, key and element,', async (take, child) => {
    const texts = ['', 'a', 'ü\u0000ÿ', 'Ā', '€', '\ufeff', '😀', '\ud800', 'a\udfffb', '\udc00\ud800', '\u2028'];
    for (const text of [...texts, ...texts.map((text) => text.repeat(200))]) {
      for (const value of [text, [text], ['odd', text], { [text]: text }, new Map([[text, text]]), Object(text)]) {
        assert.deepStrictEqual(await take(child, value), value);
      }
    }
  });

  scenario('ADV-6: shared references', async (take, child) => {
    const shared = { name: 'shared' };
    const pair = await take(child, [shared, shared]);
    assert.deepStrictEqual(pair, [shared, shared]);
    assert.strictEqual(pair[0], pair[1]);

    const circle = { list: [] };
    circle.list.push(circle, circle.list);
    const round = await take(child, circle);
    assert.strictEqual(round.list[0], round);
    assert.strictEqual(round.list[1], round.list);
    assert.strictEqual(round.list.length, 2);

    for (const value of [
      new Date(5),
      Buffer.from('bytes'),
      new Error('shared'),
      Object(1n),
      /x/g,
      new ArrayBuffer(3),
    ]) {
      const map = new Map([[value, new Set([value])]]);
      map.set('self', map);
      const back = await take(child, { map, value });
      assert.strictEqual([...back.map.keys()][0], back.value);
      assert.strictEqual([...back.map.get(back.value)][0], back.value);
      assert.strictEqual(back.map.get('self'), back.map);
      assert.deepStrictEqual(back.value, value);
    }
  });

  scenario('ADV-6: arrays with holes and other properties, and the order of keys,', async (take, child) => {
    // biome-ignore lint/suspicious/noSparseArray: these are what is tested
    const holes = [[, 1, , 2, ,], [, undefined], new Array(3), new Array(70_000), Object.assign([], { 1000: 'far' })];
    const named = Object.assign([1, 2], { name: 'n', '-1': 'm', 1.5: 'between' });
    const order = { z: 1, a: 2, '': 3, 10: 4, 9: 5, '01': 6, constructor: 7, toString: 8 };
    const own = JSON.parse('{"__proto__":1,"b":2}');
    for (const value of [...holes, named, Object.assign(new Array(5), { 3: 'x', name: 'n' }), order, own]) {
      const back = await take(child, value);
      assert.deepStrictEqual(back, value);
      assert.deepStrictEqual(Object.keys(back), Object.keys(value));
    }
    assert.strictEqual(Object.getPrototypeOf(await take(child, own)), Object.prototype);
  });

  scenario("ADV-7: an error's message, stack and cause", async (take, child) => {
    for (const type of [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError]) {
      const root = new TypeError('the root, über €', { cause: { code: 7 } });
      const error = new type('the error', { cause: root });
      const back = await take(child, error);
      assert.ok(back instanceof type);
      for (const [one, other] of [
        [back, error],
        [back.cause, root],
      ]) {
        assert.strictEqual(one.name, other.name);
        assert.strictEqual(one.message, other.message);
        assert.strictEqual(one.stack, other.stack);
      }
      assert.deepStrictEqual(back.cause.cause, { code: 7 });
    }
    assert.ok(!('cause' in (await take(child, new Error('without')))));
    assert.strictEqual((await take(child, Object.assign(new Error(), { stack: 'my own' }))).stack, 'my own');
  });

  scenario('ADV-9: binary data of every size', async (take, child) => {
    for (const edge of [0, 128, 256, 16_384, 65_536, 1 << 20]) {
      for (const size of [edge - 1, edge, edge + 1]) {
        if (size < 0) continue;
        const bytes = randomBytes(size);
        const back = await take(child, bytes);
        assert.ok(Buffer.isBuffer(back), `${size} bytes`);
        assert.ok(back.equals(bytes), `${size} bytes`);
        const { buffer } = await take(child, { buffer: new Uint8Array(bytes).buffer });
        assert.ok(Buffer.from(buffer).equals(bytes), `an ArrayBuffer of ${size} bytes`);
      }
    }
  });

  scenario('ADV-9: a Buffer of 16 MiB', async (take, child) => {
    const bytes = randomBytes(16 << 20);
    assert.ok(bytes.equals(await take(child, bytes)));
  }).heavy = true;
}

run(scenarios);
