// A client's connection, on which one request after the other is sent. It is a bare socket, so that no library repeats a
// request or hides what became of it: every request gets exactly one verdict.
import { connect } from 'node:net';

/** @typedef {'ok' | 'refused' | 'reset' | 'hung' | 'wrong'} Verdict */

/** How long a request may take in addition to what it was asked to take. */
export const PATIENCE_MS = 10_000;

export class Connection {
  /** Whether another request may be sent on it. */
  isOpen = true;
  #socket;
  #pending;
  #isRefused = false;

  constructor(port) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('error', ({ code }) => (this.#isRefused = code === 'ECONNREFUSED'));
    this.#socket.on('data', (bytes) => this.#pending?.data(bytes));
    this.#socket.on('end', () => this.#gone());
    this.#socket.on('close', () => this.#gone());
  }

  /**
   * Sends a request and waits for the whole answer.
   * @param {{ path?: string, close?: boolean, patience?: number }} request
   * @returns {Promise<{ verdict: Verdict, worker?: string }>} `worker` is who has answered
   */
  async ask({ path = '/', close = false, patience = PATIENCE_MS } = {}) {
    const answer = new Answer();
    const head = ['Host: localhost', ...(close ? ['Connection: close'] : [])];
    this.#socket.write(`GET ${path} HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n`);
    const outcome = await this.#wait(patience, (bytes) => answer.push(bytes) && 'answered');
    if (outcome !== 'answered') return { verdict: outcome };
    if (close || !answer.keepsAlive || !answer.isRight) this.close();
    return answer.isRight ? { verdict: 'ok', worker: answer.worker } : { verdict: 'wrong' };
  }

  close() {
    this.isOpen = false;
    this.#socket.end();
    // Whatever the server does not read of it is of no interest any more.
    setTimeout(() => this.#socket.destroy(), 1000).unref();
  }

  #wait(patience, data) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#socket.destroy();
        settle('hung');
      }, patience);
      const settle = (outcome) => {
        clearTimeout(timer);
        this.#pending = undefined;
        resolve(outcome);
      };
      this.#pending = {
        data: (bytes) => {
          const outcome = data(bytes);
          if (outcome) settle(outcome);
        },
        gone: () => settle(this.#isRefused ? 'refused' : 'reset'),
      };
      if (!this.isOpen) this.#pending.gone();
    });
  }

  #gone() {
    this.isOpen = false;
    this.#pending?.gone();
    this.#socket.destroy();
  }
}

/** Reads one answer, with a length or in chunks. */
class Answer {
  #text = '';
  #head;
  #body;

  /** @returns {boolean} whether it is complete */
  push(bytes) {
    this.#text += bytes.toString('latin1');
    const end = this.#text.indexOf('\r\n\r\n');
    if (end < 0) return false;
    this.#head = this.#text.slice(0, end);
    this.#body = this.#readBody(this.#text.slice(end + 4));
    return this.#body !== undefined;
  }

  #readBody(rest) {
    if (/^transfer-encoding: *chunked/im.test(this.#head)) return joined(rest);
    const length = Number(/^content-length: *(\d+)/im.exec(this.#head)?.[1] ?? 0);
    return rest.length < length ? undefined : rest;
  }

  get keepsAlive() {
    return !/^connection: *close/im.test(this.#head);
  }

  /** Ends with the worker's name, and has nothing after it. */
  get isRight() {
    return /^HTTP\/1\.1 200 /.test(this.#head) && /^(?:line\n)*\d+:\d+\n$/.test(this.#body);
  }

  get worker() {
    return this.#body.trimEnd().split('\n').at(-1);
  }
}

/** The text of all chunks, if the last one has arrived. */
function joined(rest) {
  let text = '';
  for (;;) {
    const end = rest.indexOf('\r\n');
    if (end < 0) return undefined;
    const size = Number.parseInt(rest, 16);
    if (size === 0) return rest.length >= end + 4 ? text + rest.slice(end + 4) : undefined;
    if (Number.isNaN(size)) return 'not a chunk';
    text += rest.slice(end + 2, end + 2 + size);
    rest = rest.slice(end + 4 + size);
  }
}
