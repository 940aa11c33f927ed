'use strict';

// What a machine knows of streams among parameters.

const { CREDIT, LEAVE, PROGRESS } = require('./wire.cjs');

/** The streams among parameters, by their tokens: those that we send, and those that handlers read. */
class Uploads {
  #sent = new Map();
  #read = new Map();
  #push;

  /** @param {(method: string, params: object) => void} push queues a notification */
  constructor(push) {
    this.#push = push;
  }

  // Those of our calls

  /** A call has streams among its parameters, which travel as `params`. */
  begin(call, message, { params, uploads }) {
    message.params = params;
    message.crossfork = { uploads: uploads.length };
    call.uploads = uploads;
    for (const upload of uploads) this.#sent.set(upload.id, upload);
  }

  sent(token) {
    return this.#sent.get(token);
  }

  /** It has no more items: `{ end: true }`, or `{ error }`. */
  end(upload, value) {
    if (this.#sent.delete(upload.id)) upload.endEntry = this.#push(PROGRESS, { token: upload.id, value });
  }

  /** An item can't be written. An end that waits behind it becomes an error. */
  unsendable(upload, error) {
    if (upload.endEntry === undefined) this.end(upload, { error });
    else upload.endEntry.message.params.value = { error };
    upload.stop();
  }

  /** The other side reads no more of it. Returns false if there is no such upload. */
  left(token) {
    const upload = this.#sent.get(token);
    this.#sent.delete(token);
    upload?.stop();
    return upload !== undefined;
  }

  /** A call has ended, and its uploads with it. */
  stop(call) {
    if (call.uploads === undefined) return;
    for (const upload of call.uploads) {
      this.#sent.delete(upload.id);
      upload.stop();
    }
    call.uploads = undefined;
  }

  // Those of the peer's calls

  /** A handler begins to read. */
  open(upload) {
    this.#read.set(upload.token, upload);
  }

  /** There is room for more items. */
  credit({ token }, n) {
    if (this.#read.has(token)) this.#push(CREDIT, { token, n });
  }

  /** A handler reads no more. */
  leave({ token }) {
    this.#read.delete(token);
    this.#push(LEAVE, { token });
  }

  /** Who reads what has come, if it can be of an upload. */
  read(token, value) {
    const upload = this.#read.get(token);
    if (upload === undefined || typeof value !== 'object' || value === null) return undefined;
    // Everything but items is its end.
    if (!Array.isArray(value.items)) this.#read.delete(token);
    return upload;
  }

  /** A call was answered. */
  close(incoming) {
    for (const { token } of incoming.uploads) this.#read.delete(token);
  }

  clear() {
    this.#read.clear();
  }
}

module.exports = { Uploads };
