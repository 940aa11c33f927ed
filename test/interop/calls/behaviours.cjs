// What a Node parent sees of a service in Rust: `behaviours.cjs <program> <driver> <serialization>`.
'use strict';
const assert = require('node:assert');
const net = require('node:net');
const { Client } = require('./client.cjs');

const [, , program, driver, serialization] = process.argv;
const isAdvanced = serialization === 'advanced';
const open = (...args) => new Client(program, [driver, ...args], { serialization });

const behaviours = {
  async 'parameters travel by name, as one value, as several, or not at all'(client) {
    assert.deepStrictEqual(await client.call('area', { width: 3, height: 4 }), { width: 3, area: 12 });
    assert.strictEqual(await client.call('closure', [1]), 2);
    assert.strictEqual(await client.call('add', [1, 2]), 3);
    assert.strictEqual(await client.call('nothing'), null);
    assert.deepStrictEqual(await client.call('echo', [[1, 2]]), [1, 2]);
    assert.deepStrictEqual(await client.call('echo', { a: null }), { a: null });
  },

  async 'bytes travel as bytes'(client) {
    const bytes = Buffer.from([1, 2, 3]);
    const result = await client.call('reverse', isAdvanced ? [bytes] : [[1, 2, 3]]);
    assert.deepStrictEqual([...result], [3, 2, 1]);
    if (isAdvanced) assert.ok(Buffer.isBuffer(result));
  },

  async 'bytes travel as base64 in JSON, and are read in every form that they have there'(client) {
    const expected = isAdvanced ? Buffer.from([3, 2, 1]) : { type: 'Buffer', data: 'AwIB' };
    const forms = [
      { type: 'Buffer', data: 'AQID' },
      { type: 'Buffer', data: [1, 2, 3] },
      { data: 'AQID', type: 'Buffer' },
    ];
    for (const form of [[1, 2, 3], Buffer.from([1, 2, 3]), ...forms]) {
      assert.deepStrictEqual(await client.call('bytes', { inner: { bytes: form } }), { inner: { bytes: expected } });
      assert.deepStrictEqual(await client.call('someBytes', [form]), expected);
    }
    const wrong = [
      'AQID',
      { type: 'Bytes', data: [1] },
      { type: 'Buffer', data: 'A' },
      { type: 'Buffer' },
      [256],
      [-1],
    ];
    for (const form of wrong) {
      const { error } = await client.request('bytes', { inner: { bytes: form } });
      assert.strictEqual(error?.code, -32602, JSON.stringify(form));
      assert.match(error.message, /^params\.inner\.bytes/);
    }
  },

  async 'an error says what went wrong, with its code and its data'(client) {
    const error = (method, params) => client.request(method, params).then((answer) => answer.error);
    assert.deepStrictEqual(await error('area', { width: 1e9, height: 1e9 }), {
      code: -32000,
      message: 'too large',
      data: { name: 'Error', message: 'too large' },
    });
    const missing = await error('open', ['/does/not/exist']);
    assert.strictEqual(missing.code, -32000);
    assert.strictEqual(missing.data.code, 'ENOENT');
    assert.deepStrictEqual(await error('choose', [-32042]), { code: -32042, message: 'chosen' });
    assert.deepStrictEqual(await error('unknown'), { code: -32601, message: 'there is no method "unknown"' });
  },

  async 'wrong parameters name the field'(client) {
    const error = (method, params) => client.request(method, params).then((answer) => answer.error);
    const wrong = await error('area', { width: 'a', height: 1 });
    assert.strictEqual(wrong.code, -32602);
    assert.match(wrong.message, /^params\.width: invalid type: string "a", expected u32$/);
    assert.match((await error('area', { width: 1 })).message, /^params: missing field `height`$/);
    assert.match((await error('area')).message, /^missing params: the method requires parameters/);
    assert.match((await error('add', ['a', 1])).message, /^params\[0\]: invalid type/);
  },

  async 'a panic is an error with its place, and the worker lives'(client) {
    const { error } = await client.request('crash', ['why']);
    assert.strictEqual(error.code, -32603);
    assert.match(error.message, /^the handler panicked at .*\.rs:\d+:\d+: crashed: why$/);
    assert.strictEqual(error.data.name, 'Panic');
    assert.match(error.data.stack, /\.rs:\d+/);
    assert.strictEqual(await client.call('closure', [1]), 2);
  },

  async 'a call that is cancelled stops, and is answered'(client) {
    const call = client.request('forever');
    await client.call('nothing');
    client.notify('$/cancelRequest', { id: call.id });
    assert.strictEqual((await call).error.code, -32800);
  },

  async 'a call that has not begun when it is cancelled never begins'(client) {
    const blocker = client.request('note', [1000]);
    const calls = Array.from({ length: 64 }, () => client.request('forever'));
    for (const { id } of calls) client.notify('$/cancelRequest', { id });
    for (const answer of await Promise.all(calls)) assert.strictEqual(answer.error.code, -32800);
    await blocker;
  },

  async 'cancelling of any other shape does nothing'(client) {
    const call = client.request('rest', [100]);
    for (const params of [
      undefined,
      [],
      [call.id],
      {},
      { id: null },
      { id: {} },
      { id: String(call.id) },
      { id: 999 },
    ]) {
      client.notify('$/cancelRequest', params);
    }
    assert.strictEqual((await call).result, 100);
  },

  async 'ids are answered as they came'(client) {
    const ids = ['a', '1', 1.5, -7, 0, 2 ** 53, ''];
    const answers = await Promise.all(ids.map((id) => client.request('closure', [1], { id })));
    assert.deepStrictEqual(
      answers.map(({ id }) => id),
      ids,
    );
    const both = await Promise.all([
      client.request('rest', [20], { id: 1 }),
      client.request('closure', [1], { id: '1' }),
    ]);
    assert.deepStrictEqual(
      both.map(({ result }) => result),
      [20, 2],
    );
  },

  async 'an id that cannot be one, and one in use, are refused'(client) {
    for (const id of [null, true, {}, [1]]) client.child.send({ jsonrpc: '2.0', id, method: 'nothing' });
    await client.until((heard) => heard.get(undefined)?.length === 4);
    for (const { id, error } of client.heard.get(undefined)) {
      assert.strictEqual(id, null);
      assert.strictEqual(error.code, -32600);
    }
    const call = client.request('rest', [100]);
    const refusal = new Promise((resolve) => client.child.on('message', (m) => m.error && resolve(m)));
    client.child.send({ jsonrpc: '2.0', id: call.id, method: 'nothing' });
    assert.strictEqual((await refusal).error.code, -32600);
  },

  async 'calls in a bundle are each answered, and what is none is dropped'(client) {
    const answers = [1, 2, 3].map(() => new Promise((resolve) => client.child.once('message', resolve)));
    const call = (id, params) => ({ jsonrpc: '2.0', id, method: 'closure', params });
    client.child.send([call(1, [1]), 7, null, [], [call(9, [1])], call(2, [2]), { a: 1 }, call(3, [3])]);
    await Promise.all(answers);
    await client.until((heard) => heard.get(undefined)?.length === 3);
    const results = client.heard.get(undefined).map(({ id, result }) => [id, result]);
    assert.deepStrictEqual(results.sort(), [
      [1, 2],
      [2, 3],
      [3, 4],
    ]);
  },

  async 'answers come one a message, unless bundles were announced'(client) {
    let [arrays, messages] = [0, 0];
    client.child.on('message', (message) => (Array.isArray(message) ? arrays++ : messages++));
    const results = await Promise.all(Array.from({ length: 500 }, (_, i) => client.call('closure', [i])));
    assert.deepStrictEqual(
      results,
      Array.from({ length: 500 }, (_, i) => i + 1),
    );
    assert.deepStrictEqual([arrays, messages], [0, 500]);
    const first = await client.request('closure', [0], { crossfork: { bundles: 1 } });
    assert.strictEqual(first.crossfork?.bundles, undefined, 'only the first answers announce');
    const bundle = Array.from({ length: 500 }, (_, i) => ({
      jsonrpc: '2.0',
      id: `b${i}`,
      method: 'closure',
      params: [i],
    }));
    client.child.send(bundle);
    await client.until((heard) => heard.get(undefined)?.length === 500);
    for (const { id, result } of client.heard.get(undefined)) assert.strictEqual(id, `b${result - 1}`);
  },

  async 'the first answer says that this end reads bundles'(client) {
    assert.deepStrictEqual((await client.request('nothing')).crossfork, { bundles: 1 });
    assert.strictEqual((await client.request('nothing')).crossfork, undefined);
  },

  async 'a pool of ours is told how much memory the worker has, once in a while'(client) {
    const ours = { crossfork: { bundles: 1 } };
    const { rss } = (await client.request('nothing', undefined, ours)).crossfork;
    assert.ok(rss === undefined || (Number.isInteger(rss) && rss > 100_000), `${rss}`);
    assert.strictEqual((await client.request('nothing')).crossfork, undefined);
  },

  async 'what is no call is for the program, and is not answered'(client) {
    const others = [{ a: 1 }, [], [1], 'text', 7, [[{ jsonrpc: '2.0', id: 1, method: 'nothing' }]], { jsonrpc: '1.0' }];
    for (const message of others) client.child.send(message);
    await client.until((heard) => heard.get('message')?.length === others.length);
    assert.ok(client.heard.get('message').flat().includes('{ a: 1 }'));
    assert.strictEqual(client.heard.get(undefined), undefined);
  },

  async 'notifications are handled in their order, and before the calls that come behind them'(client) {
    for (let i = 1; i <= 100; i++) client.notify('note', [i]);
    assert.deepStrictEqual(
      await client.call('notes'),
      Array.from({ length: 100 }, (_, i) => i + 1),
    );
  },

  async 'of 200,000 notifications at once none is lost, and the worker does not read them all at once'(client) {
    for (let i = 0; i < 200; i++) {
      const bundle = Array.from({ length: 1000 }, (_, j) => ({
        jsonrpc: '2.0',
        method: 'tick',
        params: [i * 1000 + j],
      }));
      client.child.send(bundle);
    }
    assert.strictEqual(await client.call('ticks'), 200_000);
  },

  async 'an iterator is an array to those who ask for no stream'(client) {
    assert.deepStrictEqual(await client.call('count', [5]), [0, 1, 2, 3, 4]);
    await assert.rejects(client.call('countBadly', [3]), { code: -32000, message: 'the end' });
    await assert.rejects(client.call('count', [1e6]), { code: -32603 });
  },

  async 'a stream sends no more than there is credit for'(client) {
    const items = () => (client.heard.get('$/progress') ?? []).flatMap(({ value }) => value.items);
    const call = client.request('count', [10], { crossfork: { bundles: 1, stream: 3 } });
    await client.until(() => items().length === 3);
    await client.call('rest', [20]);
    assert.deepStrictEqual(items(), [0, 1, 2]);
    client.notify('$/crossfork/credit', { token: call.id, n: 100 });
    assert.strictEqual((await call).result, null);
    assert.deepStrictEqual(items(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.ok(client.heard.get('$/progress').every(({ token }) => token === call.id));
  },

  async 'a stream that fails ends with its error, behind its items'(client) {
    const call = client.request('countBadly', [2], { crossfork: { bundles: 1, stream: 100 } });
    assert.strictEqual((await call).error.message, 'the end');
    assert.deepStrictEqual(
      client.heard.get('$/progress').flatMap(({ value }) => value.items),
      [0, 1],
    );
  },

  async 'a stream that waits for credit ends when it is cancelled'(client) {
    const call = client.request('count', [10], { crossfork: { bundles: 1, stream: 1 } });
    await client.until((heard) => heard.get('$/progress')?.length === 1);
    client.notify('$/cancelRequest', { id: call.id });
    assert.strictEqual((await call).error.code, -32800);
  },

  async 'progress goes to the call’s id, or to the token that a peer of the Language Server Protocol has named'(
    client,
  ) {
    const plain = client.request('forever', { workDoneToken: 'mine' });
    await client.until((heard) => heard.get('$/progress')?.length === 1);
    client.notify('$/cancelRequest', { id: plain.id });
    await plain;
    const ours = client.request('forever', undefined, { crossfork: { bundles: 1 } });
    await client.until((heard) => heard.get('$/progress')?.length === 2);
    client.notify('$/cancelRequest', { id: ours.id });
    await ours;
    assert.deepStrictEqual(client.heard.get('$/progress'), [
      { token: 'mine', value: 'begun' },
      { token: ours.id, value: { progress: 'begun' } },
    ]);
  },

  async 'a handler calls its parent'(client) {
    client.handlers.answer = (question) => `${question.length}!`;
    assert.strictEqual(await client.call('ask', ['why?']), 'why? 4!');
    // A plain result is the one item of a stream.
    client.handlers.numbers = (n) => n;
    assert.deepStrictEqual(await client.call('collect', [7]), [7]);
  },

  async 'a deadline is known to the handler'(client) {
    assert.strictEqual(await client.call('deadline'), false);
    assert.strictEqual(await client.call('deadline', undefined, { crossfork: { deadline: 1000 } }), true);
  },

  async 'a handler takes the handle of its call, and one that it does not take is closed'(client) {
    const server = net.createServer();
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const send = async (method, id) => {
      const accepted = new Promise((resolve) => server.once('connection', resolve));
      const socket = net.connect(server.address().port, '127.0.0.1').setEncoding('utf8');
      const answered = new Promise((resolve) => client.child.on('message', (m) => m.id === id && resolve(m)));
      client.child.send({ jsonrpc: '2.0', id, method }, await accepted);
      let text = '';
      socket.on('data', (data) => {
        text += data;
      });
      const ended = new Promise((resolve) => socket.on('end', resolve).on('error', resolve));
      return { answer: await answered, text: await ended.then(() => text) };
    };
    const taken = await send('greet', 'taken');
    assert.deepStrictEqual([taken.answer.result, taken.text], [true, 'hello']);
    const left = await send('nothing', 'left');
    assert.deepStrictEqual([left.answer.result, left.text], [null, '']);
    assert.strictEqual(await client.call('greet'), false);
    server.close();
  },

  async 'an ordered service carries out everything one after the other'() {
    const client = open('ordered', '--node-ipc', '--clientProcessId=1');
    client.notify('note', [7]);
    const calls = [client.call('rest', [30]), client.call('notes'), client.call('note', [8]), client.call('notes')];
    const ended = [];
    for (const [i, call] of calls.entries()) call.then(() => ended.push(i));
    assert.deepStrictEqual(await Promise.all(calls), [30, [7], null, [7, 8]]);
    assert.deepStrictEqual(ended, [0, 1, 2, 3]);
    assert.strictEqual((await client.call('$/crossfork/hello')).concurrency, 1);
    client.child.disconnect();
    await client.exit;
  },

  async 'a service that ends on a panic answers the call, and then tears down'() {
    const client = open('ends');
    const { error } = await client.request('crash', ['why']);
    assert.match(error.message, /crashed: why/);
    assert.strictEqual(await client.exit, 0);
    assert.match(client.stderr, /torn down/);
  },

  async 'a pool hears when the worker is ready, and what it has'(client) {
    const { concurrency, methods } = await client.call('$/crossfork/hello');
    assert.ok(concurrency >= 1);
    assert.ok(methods.includes('area') && methods.includes('echo'));
  },

  async 'a worker that is dismissed answers what has not begun, ends what has, and disconnects'(client) {
    const { concurrency } = await client.call('$/crossfork/hello');
    // Until they are cancelled; so they have begun for sure.
    const begun = Array.from({ length: concurrency }, () =>
      client.request('forever', undefined, { crossfork: { bundles: 1 } }),
    );
    await client.until((heard) => heard.get('$/progress')?.length === concurrency);
    const waiting = Array.from({ length: 3 }, () => client.request('rest', [1]));
    client.notify('$/crossfork/bye');
    const late = client.request('nothing');
    for (const { error } of await Promise.all(waiting)) assert.strictEqual(error.code, -32099);
    assert.strictEqual((await late).error.code, -32099);
    for (const { id } of begun) client.notify('$/cancelRequest', { id });
    for (const { error } of await Promise.all(begun)) assert.strictEqual(error.code, -32800);
    assert.strictEqual(await client.exit, 0);
    assert.match(client.stderr, /torn down/);
  },

  async 'SIGTERM asks a worker to end: what has begun is answered with its result'(client) {
    const { concurrency } = await client.call('$/crossfork/hello');
    // Until they are cancelled; so they have begun for sure.
    const begun = Array.from({ length: concurrency }, () =>
      client.request('forever', undefined, { crossfork: { bundles: 1 } }),
    );
    await client.until((heard) => heard.get('$/progress')?.length === concurrency);
    const waiting = client.request('nothing');
    client.child.kill('SIGTERM');
    assert.strictEqual((await waiting).error.code, -32099);
    assert.strictEqual((await client.request('nothing')).error.code, -32099);
    for (const { id } of begun) client.notify('$/cancelRequest', { id });
    for (const { error } of await Promise.all(begun)) assert.strictEqual(error.code, -32800);
    assert.strictEqual(await client.exit, 0);
    assert.match(client.stderr, /torn down/);
  },

  async 'a worker whose parent disconnects ends, and its handlers are told'(client) {
    client.request('forever');
    await client.call('nothing');
    client.child.disconnect();
    assert.strictEqual(await client.exit, 0);
    assert.match(client.stderr, /torn down/);
  },
};

async function main() {
  for (const [name, behaviour] of Object.entries(behaviours)) {
    const client = open();
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`it hangs; stderr: ${client.stderr}`)), 120_000);
    });
    try {
      await Promise.race([behaviour(client), late]);
      console.log(JSON.stringify({ name }));
    } catch (error) {
      console.log(JSON.stringify({ name, detail: error.stack }));
    }
    clearTimeout(timer);
    if (client.child.connected) client.child.disconnect();
    const killing = setTimeout(() => client.child.kill('SIGKILL'), 2000);
    await client.exit;
    clearTimeout(killing);
  }
}

main();
