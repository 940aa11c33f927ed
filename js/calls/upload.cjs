'use strict';

// A parameter that is a stream: as its caller sends it, and as its handler reads it. In the place of the parameter travels
// `{ '$/crossfork/upload': token }`.

const { CallAbortedError, CallError } = require('./errors.cjs');
const { tokenOf } = require('./incoming.cjs');
const { Items, ROOM } = require('./items.cjs');
const { fromWire, toWire } = require('./remote-error.cjs');
const { Sending } = require('./sending.cjs');

const PLACE = '$/crossfork/upload';

/** The parameters as they travel, and the uploads that are among them. */
function placed(call, connection) {
  const params = Array.isArray(call.params) ? [...call.params] : { ...call.params };
  const uploads = call.streams.map((streamed, number) => {
    const token = tokenOf(call.id, number);
    params[streamed.key] = { [PLACE]: token };
    return new OutgoingUpload(token, streamed, connection);
  });
  return { params, uploads };
}

/** What is sent, as far as the other side has room for it. To the machine it is what a stream of results is. */
class OutgoingUpload {
  credit = 0;
  state = 'running';
  isCancelled = false;
  itemsEntry = undefined;
  itemsToken = undefined;
  /** What says that there are no more. */
  endEntry = undefined;
  isUpload = true;
  #streamed;
  #connection;
  #sending = undefined;

  constructor(token, streamed, connection) {
    this.id = token;
    this.#streamed = streamed;
    this.#connection = connection;
  }

  /** There is room. The items are not touched before there is. */
  goOn() {
    if (this.#sending === undefined) this.#begin();
    else this.#sending.goOn();
  }

  #begin() {
    const { machine } = this.#connection;
    this.#streamed.hasBegun = true;
    this.#sending = new Sending(this, this.#streamed.iterable, this.#connection);
    this.#sending.run().then(
      () => this.#end(() => machine.uploads.end(this, { end: true })),
      (error) => this.#end(() => machine.uploads.end(this, { error: toWire(error, true) })),
    );
  }

  #end(tell) {
    if (this.isCancelled) return;
    tell();
    this.#connection.schedule();
  }

  /** Nobody reads it any more. */
  stop() {
    this.isCancelled = true;
    this.#sending?.stop();
  }
}

/** What a handler reads. Its items are asked for when somebody reads them. */
class IncomingUpload {
  #token;
  #incoming;
  #connection;
  #items;
  #hasBegun = false;
  /** The call is. */
  #isOver = false;

  constructor(token, incoming, connection) {
    this.#token = token;
    this.#incoming = incoming;
    this.#connection = connection;
    this.#items = new Items(this);
  }

  get token() {
    return this.#token;
  }

  get method() {
    return this.#incoming.method;
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  next() {
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      // What has ended meanwhile was told so.
      if (!this.#isOver) {
        this.#connection.machine.uploads.open(this);
        this.moreRoom(ROOM);
      }
    }
    return this.#items.next();
  }

  return(value) {
    this.#hasBegun = true;
    return this.#items.return(value);
  }

  throw(error) {
    this.#hasBegun = true;
    return this.#items.throw(error);
  }

  // From its items

  moreRoom(n) {
    this.#connection.machine.uploads.credit(this, n);
    this.#connection.schedule();
  }

  leave() {
    if (this.#isOver) return;
    this.#connection.machine.uploads.leave(this);
    this.#connection.schedule();
  }

  // From the connection

  /** Something has come: `{ items }`, `{ end }` or `{ error }`. */
  got({ items, error }) {
    if (Array.isArray(items)) {
      const problem = this.#items.push(items, true);
      if (problem === undefined) return;
      this.#items.fail(problem);
      this.leave();
    } else if (error !== undefined) this.#items.fail(fromWire(error, this.method));
    else this.#items.end();
  }

  /** The call is over, or its caller does not want it any more. */
  end() {
    this.#isOver = true;
    const message = `the upload of '${this.method}' has ended with the call`;
    this.#items.fail(
      this.#incoming.isCancelled ? new CallAbortedError(message) : new CallError(message, 'ERR_CALL_UPLOAD'),
    );
  }
}

/** The arguments of a call, with what reads its uploads in their places. */
function withUploads(params, incoming, connection) {
  const read = (value) => {
    const token = typeof value === 'object' && value !== null && Object.hasOwn(value, PLACE) ? value[PLACE] : undefined;
    // Each once.
    if (token === undefined || !incoming.take(token)) return value;
    const upload = new IncomingUpload(token, incoming, connection);
    incoming.uploads.push(upload);
    return upload;
  };
  if (Array.isArray(params)) return params.map(read);
  if (typeof params !== 'object' || params === null) return params;
  return Object.fromEntries(Object.entries(params).map(([key, value]) => [key, read(value)]));
}

module.exports = { placed, withUploads };
