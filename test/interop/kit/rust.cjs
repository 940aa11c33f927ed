'use strict';

// A Rust child as a scenario sees it. There are three kinds with one contract for messages, and two ways to serve
// what they are handed: `worker` (the crossfork command) speaks HTTP, `blocking` and `tokio` (test/interop/child,
// one for each driver) greet and echo.

const assert = require('node:assert');
const { fork, spawn } = require('node:child_process');
const { inspect, isDeepStrictEqual } = require('node:util');
const { within } = require('./wait.cjs');

class Rust {
  stderr = '';
  errors = []; // 'error' events, of which a well-behaved child causes none
  events = []; // the names of the other events, in order
  #messages = [];
  #readers = [];

  /**
   * @param {object} scope its kind, its executable and the serialization, which the child learns from its environment
   * @param {object} [options]
   * @param {string[]} [options.args] further arguments
   * @param {string[]} [options.stdio] spawn() with this instead of fork()
   * @param {string[]} [options.wrapper] a command line that runs the child, for spawn()
   * @param {boolean} [options.listen] false: no 'message' listener until listen() is called
   */
  constructor({ kind, binary, serialization }, { args = [], stdio, wrapper, listen = true, ...options } = {}) {
    this.kind = kind;
    this.serialization = serialization;
    options.serialization = serialization;
    if (stdio || wrapper) {
      const [file, ...rest] = [...(wrapper ?? []), binary, kind, ...args];
      this.process = spawn(file, rest, { stdio: stdio ?? ['ignore', 'pipe', 'pipe', 'ipc'], ...options });
    } else {
      const io = { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] };
      this.process = fork(kind, args, { execPath: binary, execArgv: [], ...io, ...options });
    }
    this.process.stderr?.on('data', (bytes) => {
      this.stderr += bytes;
    });
    // In front: Deno emits 'close' from within 'disconnect', by a listener of its own.
    for (const name of ['disconnect', 'exit', 'close'])
      this.process.prependListener(name, () => this.events.push(name));
    this.process.on('error', (error) => this.errors.push(error));
    this.exited = new Promise((resolve) => this.process.on('exit', (code, signal) => resolve({ code, signal })));
    this.disconnected = new Promise((resolve) => this.process.on('disconnect', resolve));
    if (listen) this.listen();
  }

  get pid() {
    return this.process.pid;
  }

  listen() {
    this.process.on('message', (message, handle) => {
      const reader = this.#readers.shift();
      if (reader) reader({ message, handle });
      else this.#messages.push({ message, handle });
    });
  }

  /** Like ChildProcess.send(), but what becomes of the write is nobody's business. */
  send(message, handle, options) {
    return this.process.send(message, handle, options, () => {});
  }

  /** Sends, and waits until the system has the message: Deno may put the writing off until its next turn. */
  written(message) {
    const written = new Promise((resolve, reject) => {
      this.process.send(message, (error) => (error ? reject(error) : resolve()));
    });
    return within(written, 'a message to be written');
  }

  /** The next message, with its handle. */
  receive(what = 'a message') {
    const ready = this.#messages.shift();
    const next = ready ? Promise.resolve(ready) : new Promise((resolve) => this.#readers.push(resolve));
    return within(next, () => `${what} from ${this.kind} ${this.pid} (events so far: ${this.events})`);
  }

  /** Asserts that the next message is `expected`, to the byte of its JSON, and comes alone. */
  async expect(expected) {
    const { message, handle } = await this.receive(`the message ${abbreviate(expected)}`);
    const [actual, wanted] = [message, expected].map((value) => JSON.stringify(value));
    const same = this.serialization === 'json' || isDeepStrictEqual(message, expected);
    if (actual !== wanted || !same) assert.fail(`expected ${abbreviate(expected)}, received ${abbreviate(message)}`);
    assert.strictEqual(handle, undefined);
  }

  /** Asserts that the next message is what a test child says about something; the order of its keys is its own. */
  async expectReport(expected) {
    const { message } = await this.receive(`the report ${abbreviate(expected)}`);
    assert.deepStrictEqual(message, expected);
  }

  /** Sends `value` and waits until it has come back: everything before it has been dealt with. */
  async echo(value = 'echo') {
    this.send(value);
    await this.expect(value);
  }

  /** Hands `handle` over and waits for the word that it arrived as `type`, a descriptor of this `kind`. */
  async give(handle, type, kind, options) {
    const value = { given: type, kind };
    this.send(value, handle, options);
    if (this.kind !== 'worker') await this.expectReport({ op: 'handle', type, kind, value });
    // Node holds this back until the handle is acknowledged (HND-7).
    await this.echo(`after ${type}`);
  }

  /** Asks for `count` handles. */
  request(type, count, via) {
    const verb = this.kind === 'worker' ? 'crossfork' : 'op';
    this.send({ [verb]: 'send', type, count, ...(via && { via }) });
  }

  /** The handle number `index` of those that request() asked for. */
  async take(type, index) {
    const { message, handle } = await this.receive(`handle ${index} of type ${type}`);
    const verb = this.kind === 'worker' ? 'crossfork' : 'op';
    assert.deepStrictEqual(message, { [verb]: 'sent', type, index });
    assert.ok(handle, 'the message came without its handle');
    return handle;
  }

  /** What the child says about the number of its open descriptors. */
  async descriptors() {
    this.send(this.kind === 'worker' ? { crossfork: 'stats' } : { op: 'descriptors' });
    const { message } = await this.receive('the number of descriptors');
    return this.kind === 'worker' ? message.descriptors : message.count;
  }

  /** The end of the child: asserts a clean one, and that the parent saw no 'error'. */
  async endsCleanly() {
    const end = await within(this.exited, () => `the exit of ${this.kind} ${this.pid} (events so far: ${this.events})`);
    assert.deepStrictEqual(end, { code: 0, signal: null }, `it wrote: ${this.stderr}`);
    await within(this.disconnected, `'disconnect' of ${this.kind} ${this.pid}`);
    assert.deepStrictEqual(this.errors, []);
  }

  killNow() {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill('SIGKILL');
  }
}

function abbreviate(value) {
  return inspect(value, { breakLength: Number.POSITIVE_INFINITY, maxStringLength: 200, maxArrayLength: 20 });
}

module.exports = { Rust };
