// The machine under all calls: what it sends, and what it makes of what peers send.
import assert from 'node:assert';
import { test } from 'node:test';
import { amongOurs, recorded, sent } from './calls/sinks.mjs';

const call = (method = 'f', more = {}) => ({ method, ...more });

test('machine: a call is a request with an id that no other has, and its answer reaches it', () => {
  const { machine, told } = recorded();
  const [one, two] = [call('f', { params: { a: 1 } }), call('g')];
  machine.request(one);
  machine.request(two);
  const [first, second] = sent(machine);
  assert.deepStrictEqual(first, { jsonrpc: '2.0', id: 1, method: 'f', params: { a: 1 }, crossfork: { bundles: 1 } });
  assert.deepStrictEqual(second, { jsonrpc: '2.0', id: 2, method: 'g' });
  machine.receive({ jsonrpc: '2.0', id: 2, result: 'second' });
  machine.receive({ jsonrpc: '2.0', id: 1, error: { code: 5, message: 'no' } });
  assert.deepStrictEqual(told, [
    ['answered', two, 'second', undefined],
    ['failed', one, { code: 5, message: 'no' }],
  ]);
  assert.strictEqual(machine.inFlight, 0);
});

test('machine: bundles go only to an end that has announced them', () => {
  const { machine } = recorded();
  machine.request(call());
  machine.request(call());
  assert.deepStrictEqual(
    sent(machine).map((message) => message.id),
    [1, 2],
  );
  machine.receive({ jsonrpc: '2.0', id: 1, result: 0, crossfork: { bundles: 1 } });
  machine.request(call());
  machine.notify('n');
  machine.request(call());
  const [bundle, ...none] = sent(machine);
  assert.deepStrictEqual(
    bundle.map(({ method }) => method),
    ['f', 'n', 'f'],
  );
  assert.deepStrictEqual(none, []);
});

test('machine: a single message is not wrapped, and one with a handle travels alone', () => {
  const { machine } = amongOurs();
  machine.request(call());
  assert.ok(!Array.isArray(machine.take().message));
  machine.request(call());
  machine.request(call('f', { handle: 'a handle' }));
  machine.request(call());
  const packets = [machine.take(), machine.take(), machine.take()];
  for (const { message, entries } of packets) assert.ok(!Array.isArray(message) && entries.length === 1);
  assert.strictEqual(packets[1].entries[0].handle, 'a handle');
});

test('machine: a bundle ends at 64 messages, and at 64 KiB', () => {
  const { machine } = amongOurs();
  for (let i = 0; i < 130; i++) machine.request(call());
  assert.deepStrictEqual(
    sent(machine).map((message) => message.length),
    [64, 64, 2],
  );
  for (let i = 0; i < 5; i++) machine.request(call('f', { params: ['x'.repeat(30_000)] }));
  assert.deepStrictEqual(
    sent(machine).map((message) => message.length ?? 1),
    [2, 2, 1],
  );
});

test('machine: a call that was not sent yet is withdrawn when it is cancelled', () => {
  const { machine, told } = recorded();
  const one = call();
  machine.request(one);
  assert.strictEqual(machine.cancel(one), true);
  assert.deepStrictEqual(sent(machine), []);
  assert.strictEqual(machine.inFlight, 0);
  machine.receive({ jsonrpc: '2.0', id: 1, result: 0 });
  assert.deepStrictEqual(told, []);
  machine.request(call());
  assert.deepStrictEqual(sent(machine)[0].crossfork, { bundles: 1 }, 'the announcement is not lost with it');
});

// Every other shape ends a process that uses vscode-jsonrpc.
test('machine: a cancel names an id, and nothing else', () => {
  const { machine } = recorded();
  const one = call();
  machine.request(one);
  sent(machine);
  assert.strictEqual(machine.cancel(one), false);
  assert.deepStrictEqual(sent(machine), [{ jsonrpc: '2.0', method: '$/cancelRequest', params: { id: 1 } }]);
  assert.strictEqual(machine.inFlight, 1, 'until its answer comes');
  machine.receive({ jsonrpc: '2.0', id: 1, error: { code: -32800, message: 'cancelled' } });
  assert.strictEqual(machine.cancel(one), false);
  assert.deepStrictEqual(sent(machine), [], 'what is answered is not cancelled');
});

test('machine: answers to unknown, cancelled and repeated ids are dropped', () => {
  const { machine, told } = recorded();
  machine.request(call());
  machine.request(call());
  sent(machine);
  for (const id of [0, 3, -1, 1.5, '1', null, undefined, true, {}, [1]])
    machine.receive({ jsonrpc: '2.0', id, result: 0 });
  assert.deepStrictEqual(told, []);
  assert.strictEqual(machine.dropped, 10);
  for (let i = 0; i < 3; i++) machine.receive({ jsonrpc: '2.0', id: 1, result: i });
  assert.deepStrictEqual(
    told.map(([name, , result]) => [name, result]),
    [['answered', 0]],
  );
  assert.strictEqual(machine.dropped, 12);
});

test('machine: an answer to a call that is not sent yet is none', () => {
  const { machine, told } = recorded();
  machine.request(call());
  machine.receive({ jsonrpc: '2.0', id: 1, result: 'a guess' });
  assert.deepStrictEqual(told, []);
  assert.strictEqual(sent(machine).length, 1);
});

test('machine: an answer with neither result nor error, or with both, settles the call once', () => {
  for (const [answer, outcome] of [
    [{}, 'answered'],
    [{ result: null, error: null }, 'answered'],
    [{ result: 1, error: { code: 1, message: 'm' } }, 'failed'],
    [{ error: 'a text' }, 'failed'],
    [{ error: null }, 'failed'],
  ]) {
    const { machine, told } = recorded();
    machine.request(call());
    sent(machine);
    machine.receive({ jsonrpc: '2.0', id: 1, ...answer });
    assert.deepStrictEqual(
      told.map(([name]) => name),
      [outcome],
      JSON.stringify(answer),
    );
  }
});

test('machine: 1 and "1" are two ids, each answered with its own type', () => {
  const { machine, told } = recorded();
  machine.receive({ jsonrpc: '2.0', id: 1, method: 'f' });
  machine.receive({ jsonrpc: '2.0', id: '1', method: 'f' });
  for (const [, incoming] of told) machine.answer(incoming, typeof incoming.id);
  assert.deepStrictEqual(
    sent(machine).map(({ id, result }) => [id, result]),
    [
      [1, 'number'],
      ['1', 'string'],
    ],
  );
});

test('machine: a request whose id is no string and no number is answered with -32600 and id null', () => {
  const { machine, told } = recorded();
  for (const id of [null, true, {}, [], [1], Number.NaN, 1n]) machine.receive({ jsonrpc: '2.0', id, method: 'f' });
  assert.deepStrictEqual(told, []);
  const answers = sent(machine);
  assert.strictEqual(answers.length, 7);
  for (const { id, error } of answers) assert.deepStrictEqual([id, error.code], [null, -32600]);
});

test('machine: a request with an id in use is -32600, and does not touch the first', () => {
  const { machine, told } = recorded();
  machine.receive({ jsonrpc: '2.0', id: 7, method: 'f' });
  machine.receive({ jsonrpc: '2.0', id: 7, method: 'g' });
  assert.strictEqual(told.length, 1);
  assert.deepStrictEqual(
    sent(machine).map(({ id, error }) => [id, error.code]),
    [[7, -32600]],
  );
  machine.answer(told[0][1], 'first');
  assert.strictEqual(sent(machine)[0].result, 'first');
  machine.receive({ jsonrpc: '2.0', id: 7, method: 'again' });
  assert.strictEqual(told.length, 2, 'an id that was answered is free');
});

test("machine: what is no call is the user's, and is never answered", () => {
  const { machine, told } = recorded();
  const inherited = Object.create({ jsonrpc: '2.0', id: 1, method: 'f' });
  const others = [
    [],
    [1],
    [[{ jsonrpc: '2.0', id: 1, method: 'f' }]],
    {},
    { jsonrpc: '1.0', id: 1, method: 'f' },
    inherited,
  ];
  for (const message of [...others, null, 0, 'text', true, Buffer.from('bytes')]) {
    machine.receive(message);
    assert.deepStrictEqual(told.pop(), ['message', message, undefined]);
  }
  assert.deepStrictEqual(sent(machine), []);
});

test('machine: inside of a bundle, what is no call is dropped and counted, and nesting is not followed', () => {
  const { machine, told } = recorded();
  const request = (id) => ({ jsonrpc: '2.0', id, method: 'f' });
  machine.receive([request(1), null, [request(2)], 'text', { id: 3, method: 'f' }, request(4)]);
  assert.deepStrictEqual(
    told.map(([name, { id }]) => [name, id]),
    [
      ['request', 1],
      ['request', 4],
    ],
  );
  assert.strictEqual(machine.dropped, 4);
});

test('machine: a bundle of a million members is bounded: what is too much is answered as not begun', () => {
  const { machine, told } = recorded();
  machine.receive(Array.from({ length: 1_000_000 }, (_, id) => ({ jsonrpc: '2.0', id, method: 'f' })));
  assert.strictEqual(told.length, 65_536);
  const refused = sent(machine);
  assert.strictEqual(refused.length, 1_000_000 - 65_536);
  for (const { error } of refused) assert.strictEqual(error.code, -32099);
});

test('machine: cancels of every wrong shape are ignored', () => {
  const { machine, told } = recorded();
  machine.receive({ jsonrpc: '2.0', id: 1, method: 'f' });
  told.pop();
  for (const params of [
    undefined,
    null,
    [],
    [1],
    1,
    '1',
    {},
    { id: null },
    { id: '1' },
    { id: [1] },
    { id: 2 },
    { token: 1 },
  ]) {
    machine.receive({ jsonrpc: '2.0', method: '$/cancelRequest', params });
  }
  assert.deepStrictEqual(told, []);
  assert.strictEqual(machine.dropped, 12);
  for (let i = 0; i < 2; i++) machine.receive({ jsonrpc: '2.0', method: '$/cancelRequest', params: { id: 1 } });
  assert.deepStrictEqual(
    told.map(([name]) => name),
    ['cancelled'],
    'once',
  );
});

test('machine: progress of a call that is unknown, answered, or not sent yet is dropped', () => {
  const { machine, told } = amongOurs();
  const one = call('f', { credit: 1 });
  machine.request(one);
  const progress = (token, value) =>
    machine.receive({ jsonrpc: '2.0', method: '$/progress', params: { token, value } });
  progress(1, { progress: 'too early' });
  sent(machine);
  progress(1, { progress: 50 });
  progress(1, { items: ['a'] });
  for (const value of [undefined, null, 'text', {}, { items: 'text' }, { items: { length: 3 } }]) progress(1, value);
  progress('1', { progress: 1 });
  progress(2, { progress: 1 });
  machine.receive({ jsonrpc: '2.0', method: '$/progress' });
  machine.receive({ jsonrpc: '2.0', method: '$/progress', params: [1, 2] });
  machine.receive({ jsonrpc: '2.0', id: 1, result: null });
  progress(1, { items: ['too late'] });
  progress(1, { progress: 'too late' });
  assert.deepStrictEqual(
    told.map(([name, , value]) => [name, value]),
    [
      ['progress', 50],
      ['items', ['a']],
      ['answered', null],
    ],
  );
});

test('machine: progress that was not sent yet is replaced by what is newer, and goes before the answer', () => {
  const { machine, told } = amongOurs();
  machine.receive({ jsonrpc: '2.0', id: 1, method: 'f' });
  const [, incoming] = told.pop();
  for (let i = 0; i < 1000; i++) machine.report(incoming, i);
  machine.answer(incoming, 'done');
  machine.report(incoming, 'too late');
  const [bundle, ...rest] = sent(machine);
  assert.deepStrictEqual(rest, []);
  assert.deepStrictEqual(bundle, [
    { jsonrpc: '2.0', method: '$/progress', params: { token: 1, value: { progress: 999 } } },
    { jsonrpc: '2.0', id: 1, result: 'done' },
  ]);
});

test('machine: items of one turn travel in one message, and none is left out', () => {
  const { machine, told } = amongOurs();
  machine.receive({ jsonrpc: '2.0', id: 'a', method: 'f', crossfork: { stream: 10 } });
  const [, incoming] = told.pop();
  assert.strictEqual(incoming.credit, 10);
  for (let i = 0; i < 3; i++) machine.item(incoming, i);
  assert.deepStrictEqual(sent(machine), [
    { jsonrpc: '2.0', method: '$/progress', params: { token: 'a', value: { items: [0, 1, 2] } } },
  ]);
  machine.item(incoming, 3);
  assert.strictEqual(incoming.credit, 6);
  machine.receive({ jsonrpc: '2.0', method: '$/crossfork/credit', params: { token: 'a', n: 4 } });
  assert.strictEqual(incoming.credit, 10);
});

test('machine: credit of every wrong shape is ignored', () => {
  const { machine, told } = amongOurs();
  machine.receive({ jsonrpc: '2.0', id: 1, method: 'f', crossfork: { stream: 1 } });
  machine.receive({ jsonrpc: '2.0', id: 2, method: 'plain' });
  const [[, incoming]] = told;
  for (const params of [
    undefined,
    null,
    [],
    {},
    { token: 1 },
    { token: 1, n: 0 },
    { token: 1, n: -1 },
    { token: 1, n: 1.5 },
  ]) {
    machine.receive({ jsonrpc: '2.0', method: '$/crossfork/credit', params });
  }
  for (const [token, n] of [
    [1, '5'],
    [1, 2 ** 60],
    [2, 5],
    ['1', 5],
    [3, 5],
  ]) {
    machine.receive({ jsonrpc: '2.0', method: '$/crossfork/credit', params: { token, n } });
  }
  assert.strictEqual(incoming.credit, 1);
  assert.strictEqual(machine.dropped, 13);
});

test('machine: extra members of every wrong shape are as if they were not there', () => {
  for (const crossfork of [
    null,
    1,
    'text',
    [],
    { bundles: '1' },
    { bundles: 0 },
    { bundles: -1 },
    { stream: 0, deadline: -1 },
  ]) {
    const { machine, told } = recorded();
    machine.receive({ jsonrpc: '2.0', id: 1, method: 'f', crossfork, traceparent: 5 });
    const [[, incoming]] = told;
    assert.deepStrictEqual(
      [machine.peerIsOurs, incoming.credit, incoming.deadline, incoming.traceparent],
      [false, undefined, undefined, undefined],
    );
  }
});

test('machine: a plain peer gets progress where its parameters ask for it, and else none', () => {
  const { machine, told } = recorded();
  machine.receive({ jsonrpc: '2.0', id: 1, method: 'f', params: { workDoneToken: 'w', partialResultToken: 'p' } });
  machine.receive({ jsonrpc: '2.0', id: 2, method: 'f', params: { workDoneToken: null } });
  const [[, asks], [, asksNot]] = told;
  machine.report(asks, { kind: 'begin' });
  machine.item(asks, ['an item']);
  machine.report(asksNot, { kind: 'begin' });
  assert.strictEqual(asksNot.credit, undefined);
  assert.deepStrictEqual(
    sent(machine).map(({ params }) => params),
    [
      { token: 'w', value: { kind: 'begin' } },
      { token: 'p', value: ['an item'] },
    ],
  );
});

test('machine: progress of a plain peer comes to the call whose parameters have its token, and other progress to the user', () => {
  const { machine, told } = recorded();
  const one = call('f', { params: { workDoneToken: 'w', partialResultToken: 'p' }, credit: 64 });
  machine.request(one);
  sent(machine);
  const progress = (token, value) =>
    machine.receive({ jsonrpc: '2.0', method: '$/progress', params: { token, value } });
  progress('w', { kind: 'begin' });
  progress('p', [1, 2]);
  progress('x', 'what the server does by itself');
  machine.receive({ jsonrpc: '2.0', id: 1, result: null });
  progress('w', { kind: 'end' });
  assert.deepStrictEqual(
    told.map(([name, , value]) => [name, value]),
    [
      ['progress', { kind: 'begin' }],
      ['items', [[1, 2]]],
      ['notification', { token: 'x', value: 'what the server does by itself' }],
      ['answered', null],
      ['notification', { token: 'w', value: { kind: 'end' } }],
    ],
  );
});

test('machine: no credit is sent to an end that has not announced itself', () => {
  const { machine } = recorded();
  const one = call('f', { credit: 64 });
  machine.request(one);
  sent(machine);
  machine.credit(one, 32);
  assert.deepStrictEqual(sent(machine), []);
});

test("machine: when the conversation ends, our calls come back and the peer's are cancelled", () => {
  const { machine, told } = amongOurs();
  const calls = [call(), call()];
  for (const one of calls) machine.request(one);
  machine.receive({ jsonrpc: '2.0', id: 5, method: 'f' });
  const [, incoming] = told.pop();
  assert.deepStrictEqual(machine.end(), calls);
  assert.deepStrictEqual(told, [['cancelled', incoming]]);
  machine.answer(incoming, 'nobody hears it');
  assert.deepStrictEqual(sent(machine), []);
});

test('machine: a result that is a function is an error, and not left out', () => {
  const { machine, told } = recorded();
  machine.receive({ jsonrpc: '2.0', id: 1, method: 'f' });
  machine.answer(told[0][1], () => {});
  assert.strictEqual(sent(machine)[0].error.code, -32603);
});

test('machine: an answer without a result has null', () => {
  const { machine, told } = recorded();
  machine.receive({ jsonrpc: '2.0', id: 1, method: 'f' });
  machine.answer(told[0][1], undefined);
  assert.strictEqual(sent(machine)[0].result, null);
});

test('machine: handles that nobody can take are given back to be closed', () => {
  const { machine, told } = amongOurs();
  const request = { jsonrpc: '2.0', id: 1, method: 'f' };
  machine.receive({ jsonrpc: '2.0', id: 99, result: 0 }, 'of an unknown answer');
  machine.receive([request, request], 'of a bundle');
  machine.receive({ ...request, id: null }, 'of a bad id');
  machine.receive({ jsonrpc: '2.0', method: '$/cancelRequest', params: { id: 1 } }, 'of a cancel');
  machine.receive({ jsonrpc: '2.0', method: '$/progress', params: {} }, 'of progress');
  machine.receive({ jsonrpc: '2.0', method: '$/crossfork/credit', params: {} }, 'of credit');
  assert.deepStrictEqual(
    told.filter(([name]) => name === 'unwanted').map(([, handle]) => handle),
    ['of an unknown answer', 'of a bundle', 'of a bad id', 'of a cancel', 'of progress', 'of credit'],
  );
});
