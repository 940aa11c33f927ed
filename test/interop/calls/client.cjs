// JSON-RPC 2.0 over a child's channel, written down by hand: what a user without any library writes.
'use strict';
const { fork } = require('node:child_process');

exports.Client = class Client {
  /** What came that is no answer, by its method; and messages that are no calls, under `undefined`. */
  heard = new Map();
  handlers = {};
  #pending = new Map();
  #lastId = 0;
  #waiting = [];

  constructor(program, args, options) {
    this.child = fork('', args, {
      execPath: program,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      ...options,
    });
    this.stderr = '';
    this.child.stderr.setEncoding('utf8').on('data', (text) => {
      this.stderr += text;
    });
    this.child.on('message', (message) => {
      for (const one of Array.isArray(message) && message[0]?.jsonrpc ? message : [message]) this.#receive(one);
    });
    this.exit = new Promise((resolve) => this.child.on('exit', (code, signal) => resolve(code ?? signal)));
  }

  #receive(message) {
    if (message?.jsonrpc && message.method === undefined) {
      const call = this.#pending.get(message.id);
      this.#pending.delete(message.id);
      call?.(message);
      if (!call) this.#hear(undefined, message);
    } else if (message?.id !== undefined) {
      const { id, method, params } = message;
      const result = this.handlers[method]?.(...(params ?? []));
      this.child.send({ jsonrpc: '2.0', id, result: result ?? null });
    } else {
      this.#hear(message?.method, message?.jsonrpc ? message.params : message);
    }
  }

  #hear(what, value) {
    this.heard.set(what, [...(this.heard.get(what) ?? []), value]);
    this.#waiting = this.#waiting.filter(([condition, resolve]) => !condition(this.heard) || resolve());
  }

  /** Waits until what was heard fulfils a condition. */
  until(condition) {
    return condition(this.heard) ? undefined : new Promise((resolve) => this.#waiting.push([condition, resolve]));
  }

  /** Makes a call; its answer is the whole message. */
  request(method, params, more = {}) {
    this.#lastId += 1;
    const id = more.id ?? this.#lastId;
    const answer = new Promise((resolve) => this.#pending.set(id, resolve));
    this.child.send({ jsonrpc: '2.0', ...more, id, method, params });
    return Object.assign(answer, { id });
  }

  async call(method, params, more) {
    const { result, error } = await this.request(method, params, more);
    if (error) throw Object.assign(new Error(error.message), error);
    return result;
  }

  notify(method, params) {
    this.child.send({ jsonrpc: '2.0', method, params });
  }
};
