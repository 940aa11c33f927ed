// Two machines, and a network between them that delivers bytes as it likes and is cut at any of them.
import assert from 'node:assert';
import { Machine } from './sinks.mjs';

/** How many items a stream has room for, and how many it has. */
const ROOM = 4;
const ITEMS = 10;

/** One end: it calls, it answers, and it writes down what becomes of everything. */
export class End {
  calls = [];
  incoming = [];
  notified = [];
  #lastNotified = 0;
  #bytes = [];

  constructor(name, chance, options) {
    this.name = name;
    this.chance = chance;
    this.machine = new Machine(this, options);
  }

  // What it may do next

  actions() {
    const open = this.calls.filter((call) => call.outcome === undefined);
    const working = this.incoming.filter(({ state }) => state !== 'answered');
    return [
      ...(this.calls.length < 30 ? [() => this.makeCall()] : []),
      () => this.machine.notify('n', { number: ++this.#lastNotified }),
      ...(open.length > 0 ? [() => this.cancel(this.chance.pick(open))] : []),
      ...(working.length > 0 ? [() => this.workOn(this.chance.pick(working)), () => this.workOn(working[0])] : []),
    ];
  }

  makeCall() {
    const isStream = this.chance.below(3) === 0;
    const number = this.calls.length;
    const call = { method: isStream ? 'stream' : 'plain', params: { number, from: this.name } };
    Object.assign(call, { number, credit: isStream ? ROOM : undefined, items: [], room: ROOM, reports: [], runs: 0 });
    this.calls.push(call);
    this.machine.request(call, this.chance.below(2) === 0 ? 1000 : undefined);
  }

  cancel(call) {
    call.isCancelled = true;
    if (this.machine.cancel(call)) this.settle(call, 'withdrawn');
  }

  workOn(incoming) {
    const { machine, chance } = this;
    incoming.state = 'running';
    if (chance.below(3) === 0) machine.report(incoming, { number: incoming.params.number, step: ++incoming.steps });
    if (incoming.isCancelled && chance.below(2) === 0) machine.fail(incoming, { code: -32800, message: 'cancelled' });
    else if (incoming.credit === undefined) {
      if (chance.below(2) === 0) machine.answer(incoming, incoming.params);
      else machine.fail(incoming, { code: -32000, message: `${incoming.params.number}` });
    } else if (incoming.sent === ITEMS) machine.answer(incoming, null);
    else if (incoming.credit > 0) machine.item(incoming, incoming.sent++);
    machine.answer(chance.pick(this.incoming.filter(({ state }) => state === 'answered').concat(NOBODY)), 'twice');
  }

  settle(call, outcome) {
    assert.strictEqual(call.outcome, undefined, `call ${call.number} of ${this.name} has one outcome`);
    call.outcome = outcome;
  }

  // What it is told

  answered(call, result) {
    this.settle(call, 'answered');
    if (call.credit === undefined) assert.deepStrictEqual(result, call.params, 'the answer is the answer to this call');
    else assert.strictEqual(call.items.length, ITEMS, 'all items come before the answer');
  }

  failed(call, { code, message }) {
    this.settle(call, 'failed');
    if (code === -32800) assert.ok(call.isCancelled, 'who has not cancelled is not cancelled');
    else assert.strictEqual(message, `${call.number}`);
  }

  items(call, items) {
    assert.strictEqual(call.outcome, undefined, 'no items after the answer');
    for (const item of items) assert.strictEqual(item, call.items.push(item) - 1, 'items are in order');
    call.room -= items.length;
    assert.ok(call.room >= 0, 'no more items than there is credit');
    if (this.chance.below(2) === 0) return;
    this.machine.credit(call, ROOM - call.room);
    if (this.machine.peerIsOurs) call.room = ROOM;
  }

  progress(call, { number, step }) {
    assert.strictEqual(number, call.number);
    assert.ok(step > (call.reports.at(-1) ?? 0), 'progress goes on');
    call.reports.push(step);
  }

  request(incoming) {
    Object.assign(incoming, { sent: 0, steps: 0 });
    this.incoming.push(incoming);
  }

  cancelled(incoming) {
    assert.notStrictEqual(incoming.state, 'answered');
  }

  credited() {}

  notification(_, { number }) {
    assert.strictEqual(number, (this.notified.at(-1) ?? 0) + 1, 'notifications keep their order, and none is lost');
    this.notified.push(number);
  }

  message(message) {
    assert.fail(`a call was not understood: ${JSON.stringify(message)}`);
  }

  unwanted() {}

  // The network

  /** Writes what there is to send. */
  flush() {
    for (let packet = this.machine.take(); packet !== undefined; packet = this.machine.take()) {
      this.#bytes.push(...Buffer.from(`${JSON.stringify(packet.message)}\n`));
    }
  }

  /** Takes so many of the bytes that are on their way from here. */
  takeBytes(count) {
    return this.#bytes.splice(0, count);
  }

  get underWay() {
    return this.#bytes.length;
  }

  #partial = [];

  receiveBytes(bytes) {
    for (const byte of bytes) {
      if (byte !== 10) this.#partial.push(byte);
      else this.machine.receive(JSON.parse(Buffer.from(this.#partial.splice(0)).toString()));
    }
  }
}

/** A call that is answered already. */
const NOBODY = [{ state: 'answered', id: 'nobody' }];

/** Talks for a while, and then is cut, or comes to an end. */
export function talk(chance, { cuts }) {
  const ends = [new End('one', chance), new End('two', chance)];
  const steps = 50 + chance.below(200);
  for (let step = 0; step < steps; step++) {
    const end = chance.pick(ends);
    const other = ends[1 - ends.indexOf(end)];
    const choice = chance.below(4);
    if (choice < 2) chance.pick(end.actions())();
    else if (choice === 2) end.flush();
    else other.receiveBytes(end.takeBytes(chance.below(end.underWay + 1)));
  }
  if (cuts) {
    for (const end of ends) for (const call of end.machine.end()) end.settle(call, 'lost');
  } else finish(ends);
  return ends;
}

/** Everything that is begun is answered, and everything that is sent arrives. */
function finish(ends) {
  const isOver = (end) => end.machine.inFlight === 0 && !end.machine.hasOutput && end.underWay === 0;
  for (let round = 0; !ends.every(isOver); round++) {
    assert.ok(round < 10_000, 'it comes to an end');
    for (const [i, end] of ends.entries()) {
      for (const call of end.calls) {
        if (call.outcome === undefined && call.credit !== undefined && call.room < ROOM && end.machine.peerIsOurs) {
          end.machine.credit(call, ROOM - call.room);
          call.room = ROOM;
        }
      }
      for (const incoming of end.incoming) if (incoming.state !== 'answered') end.workOn(incoming);
      end.flush();
      ends[1 - i].receiveBytes(end.takeBytes(end.underWay));
    }
  }
}
