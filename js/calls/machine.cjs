'use strict';

// One end of a conversation in calls, as a machine: ids, what is in flight, what is cancelled, credit, bundles, order. It
// knows no channel and no clock. What happens is told to a sink, and what is to be sent is taken from it.

const { Incoming } = require('./incoming.cjs');
const { Outbox } = require('./outbox.cjs');
const { sizeOf } = require('./size.cjs');
const { Tokens } = require('./tokens.cjs');
const { Uploads } = require('./uploads.cjs');
const wire = require('./wire.cjs');

/** How many calls of the peer's are kept; more are answered as not begun. */
const MOST_INCOMING = 65_536;

/** Items that are ready in one turn travel in one message, up to so many bytes. */
const MOST_BYTES_OF_ITEMS = 64 * 1024;

class Machine {
  /** The peer reads bundles, and knows credit and our extra members. */
  peerIsOurs = false;
  /** What was dropped, for it makes no sense: answers to unknown calls, malformed messages, items nobody waits for. */
  dropped = 0;
  /** Resident memory, to be told with the next answer. */
  rss = undefined;
  /** What the peer has told last of its own. */
  peerRss = undefined;
  #sink;
  #calls = new Map();
  #incoming = new Map();
  /** Calls by the tokens that their parameters have, for plain peers. */
  #tokens = new Tokens();
  /** Streams among parameters. */
  uploads = new Uploads((method, params) => this.#push(method, params));
  #outbox = new Outbox();
  #lastId = 0;
  /** Answers that are not sent yet. */
  #answers = 0;
  /** The peer has left so many of them unread that it gets no refusals. */
  #isDeaf = false;
  #isAnnounced = false;
  #mostIncoming;

  /** @param {import('./connection.cjs').Sink} sink */
  constructor(sink, { mostIncoming = MOST_INCOMING } = {}) {
    this.#sink = sink;
    this.#mostIncoming = mostIncoming;
  }

  /** How many of our calls have no answer yet; and those. */
  get inFlight() {
    return this.#calls.size;
  }

  get calls() {
    return this.#calls.values();
  }

  /** How many messages wait to be sent. */
  get queued() {
    return this.#outbox.length;
  }

  get hasOutput() {
    return !this.#outbox.isEmpty;
  }

  // What we call

  /**
   * Calls a method. `call` is an object of the caller's, with `method`, `params` and, if it likes, `handle`, `credit` (it
   * wants a stream) and `traceparent`; it gets an `id`. `place`, for one with streams among its parameters, gives its
   * parameters as they travel, and the uploads.
   */
  request(call, deadline, place) {
    const id = ++this.#lastId;
    call.id = id;
    this.#calls.set(id, call);
    const message = { jsonrpc: '2.0', id, method: call.method };
    if (place !== undefined) this.uploads.begin(call, message, place(call));
    else if (call.params !== undefined) message.params = call.params;
    if (call.traceparent !== undefined) message.traceparent = call.traceparent;
    wire.addExtra(message, 'stream', call.credit);
    wire.addExtra(message, 'deadline', deadline);
    if (!this.peerIsOurs) this.#tokens.add(call);
    call.entry = this.#outbox.push(message, 'request', call, call.handle);
  }

  /** Cancels. Returns true if the call was not sent yet, and never will be; otherwise its answer still comes. */
  cancel(call) {
    if (this.#calls.get(call.id) !== call) return false;
    if (call.entry !== undefined) {
      this.#outbox.withdraw(call.entry);
      this.#forget(call);
      return true;
    }
    this.uploads.stop(call);
    this.#push(wire.CANCEL, { id: call.id });
    return false;
  }

  /** Makes room for more items. */
  credit(call, n) {
    if (this.peerIsOurs && this.#calls.get(call.id) === call) this.#push(wire.CREDIT, { token: call.id, n });
  }

  notify(method, params, handle) {
    this.#push(method, params, handle);
  }

  /** The conversation is over. Returns our calls that have no answer. */
  end() {
    const left = [...this.#calls.values()];
    for (const call of left) this.uploads.stop(call);
    this.#calls.clear();
    this.#tokens.clear();
    this.uploads.clear();
    for (const { kind, handle } of this.#outbox.close()) if (kind === 'answer') this.#unwanted(handle);
    const abandoned = [...this.#incoming.values()];
    this.#incoming.clear();
    for (const incoming of abandoned) this.#cancelled(incoming);
    return left;
  }

  // What we answer

  answer(incoming, result, handle) {
    // JSON would leave it out in silence.
    if (typeof result === 'function' || typeof result === 'symbol') {
      this.#unwanted(handle);
      this.fail(incoming, wire.unsendable(`it is a ${typeof result}`));
    } else this.#finish(incoming, { jsonrpc: '2.0', id: incoming.id, result: result ?? null }, handle);
  }

  /** @param {{ code: number, message: string, data?: unknown }} error */
  fail(incoming, error) {
    this.#finish(incoming, { jsonrpc: '2.0', id: incoming.id, error });
  }

  /** One item of a stream, for which there must be credit. */
  item(incoming, value) {
    if (incoming.state === 'answered') return;
    incoming.credit -= 1;
    if (incoming.itemsToken !== undefined) {
      this.#push(wire.PROGRESS, { token: incoming.itemsToken, value });
      return;
    }
    const entry = incoming.itemsEntry;
    const size = sizeOf(value);
    if (entry !== undefined && entry.size + size <= MOST_BYTES_OF_ITEMS) {
      entry.size += size;
      entry.message.params.value.items.push(value);
      return;
    }
    const params = { token: incoming.id, value: { items: [value] } };
    incoming.itemsEntry = this.#push(wire.PROGRESS, params, undefined, 'items', incoming);
    incoming.itemsEntry.size = size;
  }

  /** Progress. What was not sent yet is replaced: a slow reader gets the latest. */
  report(incoming, progress) {
    if (incoming.state === 'answered') return;
    const token = this.peerIsOurs ? incoming.id : incoming.progressToken;
    if (token === undefined) return;
    const value = this.peerIsOurs ? { progress } : progress;
    if (incoming.progressEntry !== undefined) {
      incoming.progressEntry.message.params.value = value;
      return;
    }
    incoming.progressEntry = this.#push(wire.PROGRESS, { token, value }, undefined, 'progress', incoming);
  }

  // What is sent

  /** What is to be sent next: `{ message, handle, entries }`, or undefined. */
  take() {
    const entries = this.#outbox.take(this.peerIsOurs);
    if (entries === undefined) return undefined;
    for (const entry of entries) this.#beforeSending(entry);
    return { message: entries.length === 1 ? entries[0].message : entries.map(({ message }) => message), entries };
  }

  /** One of what was taken cannot be sent, for its values can't be written. The others are sent one by one. */
  unsendable({ kind, owner, handle, message }, problem) {
    const error = wire.unsendable(problem.message);
    if (kind === 'request') this.#forget(owner);
    else if (kind === 'items' && owner.isUpload) this.uploads.unsendable(owner, error);
    else if (kind === 'items') {
      this.fail(owner, error);
      this.#cancelled(owner);
    } else if (kind === 'answer') {
      this.#unwanted(handle);
      this.#outbox.push({ jsonrpc: '2.0', id: owner.id, error: wire.withoutDetails(message.error ?? error) }, 'other');
    }
  }

  #beforeSending(entry) {
    const { kind, owner, message } = entry;
    if (kind === 'items') {
      if (owner.itemsEntry === entry) owner.itemsEntry = undefined;
    } else if (kind === 'progress') owner.progressEntry = undefined;
    else if (kind === 'request' || kind === 'answer') {
      if (kind === 'request') owner.entry = undefined;
      else this.#answers -= 1;
      if (!this.#isAnnounced) {
        this.#isAnnounced = true;
        wire.addExtra(message, 'bundles', 1);
      }
      if (kind === 'answer' && this.peerIsOurs) {
        wire.addExtra(message, 'rss', this.rss);
        this.rss = undefined;
      }
    }
  }

  #push(method, params, handle, kind = 'other', owner = undefined) {
    const message = params === undefined ? { jsonrpc: '2.0', method } : { jsonrpc: '2.0', method, params };
    return this.#outbox.push(message, kind, owner, handle);
  }

  #finish(incoming, message, handle) {
    incoming.state = 'answered';
    // What is answered already, or has ended meanwhile, is answered to nobody.
    if (this.#incoming.get(incoming.id) !== incoming) {
      this.#unwanted(handle);
      return;
    }
    this.#incoming.delete(incoming.id);
    this.uploads.close(incoming);
    this.#answers += 1;
    this.#outbox.push(message, 'answer', incoming, handle);
  }

  #forget(call) {
    this.#calls.delete(call.id);
    this.uploads.stop(call);
    call.entry = undefined;
    this.#tokens.remove(call);
  }

  // What is received

  /** Any message that has come, with the handle that has come with it. */
  receive(message, handle) {
    // What one message makes us answer is bounded by the message.
    this.#isDeaf = this.#answers >= 2 * this.#mostIncoming;
    if (wire.isCall(message)) {
      this.#receiveOne(message, handle);
    } else if (wire.isBundle(message)) {
      this.#unwanted(handle);
      for (const each of message) {
        if (wire.isCall(each)) this.#receiveOne(each, undefined);
        else this.dropped += 1;
      }
    } else {
      this.#sink.message(message, handle);
    }
  }

  #receiveOne(message, handle) {
    const { id, method } = message;
    if (method === undefined) this.#receiveAnswer(message, handle);
    else if (id !== undefined) this.#receiveRequest(message, handle);
    else if (typeof method === 'string') this.#receiveNotification(method, message.params, handle);
    else this.#drop(handle);
  }

  #receiveAnswer(message, handle) {
    const call = this.#calls.get(message.id);
    // One that is not even sent can't be answered.
    if (call === undefined || call.entry !== undefined) {
      this.#drop(handle);
      return;
    }
    const extras = wire.extrasOf(message);
    if (extras !== undefined) this.#learn(extras);
    this.#forget(call);
    if (extras?.rss !== undefined) this.peerRss = wire.countOf(extras.rss, 0);
    const { error } = message;
    if (error === undefined || (error === null && message.result !== undefined)) {
      this.#sink.answered(call, message.result, handle);
    } else {
      this.#unwanted(handle);
      this.#sink.failed(call, error);
    }
  }

  #receiveRequest(message, handle) {
    const { id, method } = message;
    const extras = wire.extrasOf(message);
    if (extras !== undefined) this.#learn(extras);
    const why = this.#incoming.has(id) ? 'A call with this id is in flight already' : wire.problemOf(id, method);
    if (why !== undefined) {
      this.#refuse(wire.isId(id) ? id : null, wire.CODES.invalidRequest, why, handle);
      return;
    }
    const kept = this.#incoming.size + this.#answers;
    if (kept >= this.#mostIncoming) {
      this.#refuse(id, wire.CODES.notBegun, `${kept} calls are in flight already`, handle);
      return;
    }
    const incoming = new Incoming(id, method, message.params, extras);
    if (!this.peerIsOurs) incoming.usePlainTokens();
    if (typeof message.traceparent === 'string') incoming.traceparent = message.traceparent;
    incoming.handle = handle;
    this.#incoming.set(id, incoming);
    this.#sink.request(incoming);
  }

  #receiveNotification(method, params, handle) {
    if (!this.#receiveOwn(method, params)) this.#sink.notification(method, params, handle);
    else this.#unwanted(handle);
  }

  /** Returns false for what is the user's. */
  #receiveOwn(method, params) {
    if (method === wire.PROGRESS) return this.#receiveProgress(params);
    if (method === wire.CREDIT) this.#receiveCredit(params);
    else if (method === wire.LEAVE) this.dropped += this.uploads.left(params?.token) ? 0 : 1;
    else if (method === wire.CANCEL) {
      const incoming = this.#incoming.get(params?.id);
      if (incoming === undefined) this.dropped += 1;
      else this.#cancelled(incoming);
    } else return false;
    return true;
  }

  #receiveCredit(params) {
    const incoming = this.#incoming.get(params?.token) ?? this.uploads.sent(params?.token);
    const n = wire.countOf(params?.n, 1);
    if (incoming?.credit === undefined || n === undefined) {
      this.dropped += 1;
      return;
    }
    incoming.credit = Math.min(incoming.credit + n, Number.MAX_SAFE_INTEGER);
    this.#sink.credited(incoming);
  }

  /** Returns false for what a plain peer reports about something else than our calls. */
  #receiveProgress(params) {
    const token = params?.token;
    const value = params?.value;
    const plain = this.peerIsOurs ? undefined : this.#tokens.get(token);
    if (plain !== undefined) {
      if (token === plain.params.partialResultToken && plain.credit !== undefined) this.#sink.items(plain, [value]);
      else this.#sink.progress(plain, value);
      return true;
    }
    const upload = this.uploads.read(token, value);
    if (upload !== undefined) {
      this.#sink.uploaded(upload, value);
      return true;
    }
    const call = this.#calls.get(token);
    if (call === undefined || call.entry !== undefined || typeof value !== 'object' || value === null) {
      if (!this.peerIsOurs) return false;
      this.dropped += 1;
    } else if (Array.isArray(value.items) && call.credit !== undefined) {
      // Nobody else sends this, and one whose first answer is a stream has not had an occasion to announce itself.
      this.peerIsOurs = true;
      this.#sink.items(call, value.items);
    } else if (Object.hasOwn(value, 'progress')) {
      this.#sink.progress(call, value.progress);
    } else {
      this.dropped += 1;
    }
    return true;
  }

  #learn({ bundles }) {
    if (wire.countOf(bundles, 1) !== undefined) this.peerIsOurs = true;
  }

  #cancelled(incoming) {
    if (incoming.isCancelled) return;
    incoming.isCancelled = true;
    this.#sink.cancelled(incoming);
  }

  #refuse(id, code, message, handle) {
    this.#unwanted(handle);
    // Who reads no answers is not even told that.
    if (this.#isDeaf) this.dropped += 1;
    else {
      this.#answers += 1;
      this.#outbox.push({ jsonrpc: '2.0', id, error: { code, message } }, 'answer');
    }
  }

  #drop(handle) {
    this.dropped += 1;
    this.#unwanted(handle);
  }

  #unwanted(handle) {
    if (handle !== undefined) this.#sink.unwanted(handle);
  }
}

module.exports = { Machine };
