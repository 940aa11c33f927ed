// The primary under test and its workers.
import assert from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { artifact } from '../../artifacts.mjs';

const require = createRequire(import.meta.url);
const { within } = require('../kit/wait.cjs');

const program = artifact('interop-primary');
const WORKER = join(import.meta.dirname, 'worker.cjs');

export class Primary {
  #process;
  #answers = [];
  #waiting = new Set();
  #ids = 0;
  #errors = '';
  events = [];

  /** @param {object} settings what main.rs takes; `module` is the worker that does as it is told */
  constructor(t, runtime, settings = {}, { env = {}, cwd } = {}) {
    const all = { module: WORKER, execPath: runtime.bin, ...settings };
    this.#process = spawn(program, [JSON.stringify(all)], {
      env: { ...process.env, ...env },
      cwd,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#process.stdin.on('error', () => {}); // it may be gone
    this.#process.stderr.on('data', (bytes) => {
      this.#errors += bytes;
    });
    this.closed = once(this.#process, 'close');
    createInterface({ input: this.#process.stdout }).on('line', (line) => this.#line(JSON.parse(line)));
    t.after(() => this.end());
  }

  get pid() {
    return this.#process.pid;
  }

  #line(line) {
    if ('answer' in line) this.#answers.shift()(line);
    else {
      this.events.push(line);
      for (const look of this.#waiting) look(line);
    }
  }

  /** Has the primary do something. */
  async does(what, args = {}) {
    const answered = new Promise((resolve) => this.#answers.push(resolve));
    this.#process.stdin.write(`${JSON.stringify({ do: what, ...args })}\n`);
    const { answer, failed, text } = await this.#within(answered, `an answer to ${what}`);
    assert.strictEqual(failed, undefined, text);
    return answer;
  }

  /** The first event, from `from` on, of which this is a part. */
  event(part, from = 0) {
    const matches = (event) => Object.entries(part).every(([name, value]) => Object.is(event[name], value));
    return this.#heard(matches, JSON.stringify(part), from);
  }

  #heard(matches, what, from) {
    const before = this.events.slice(from).find(matches);
    if (before) return before;
    let look;
    const found = new Promise((resolve) => {
      look = (event) => matches(event) && resolve(event);
    });
    this.#waiting.add(look);
    const last = () => `${what}, after ${JSON.stringify(this.events.slice(-8)).slice(0, 2000)}`;
    return this.#within(found, last).finally(() => this.#waiting.delete(look));
  }

  /** A worker that is online. */
  async fork(env = {}) {
    const from = this.events.length;
    const id = await this.does('fork', { env });
    const { pid } = await this.event({ event: 'fork', worker: id }, from);
    await this.event({ event: 'online', worker: id }, from);
    return { id, pid, does: (what, args) => this.#tell(id, what, args) };
  }

  forkSome(count, env) {
    return Promise.all(Array.from({ length: count }, () => this.fork(env)));
  }

  /** Has a worker do something: its answer, or `{ failed }`. */
  async #tell(worker, what, args = {}) {
    this.#ids += 1;
    const id = this.#ids;
    const from = this.events.length;
    await this.does('send', { worker, message: { id, do: what, ...args } });
    const isAnswer = (event) => event.event === 'message' && event.worker === worker && event.message?.id === id;
    const { message } = await this.#heard(isAnswer, `worker ${worker} to answer ${what}`, from);
    return 'failed' in message ? { failed: message.failed } : message.answer;
  }

  #within(promise, what) {
    const gone = this.closed.then(([code, signal]) => {
      throw new Error(`the primary ended with ${signal ?? code}: ${this.#errors}`);
    });
    gone.catch(() => {});
    return within(Promise.race([promise, gone]), what);
  }

  kill(signal) {
    this.#process.kill(signal);
  }

  /** Has it return from its main function. */
  leave() {
    this.#process.stdin.end();
  }

  /** Ends it, and with it its workers: they have lost their primary. */
  async end() {
    const { exitCode, signalCode } = this.#process;
    const exited = exitCode === null && signalCode === null ? once(this.#process, 'exit') : undefined;
    this.#process.stdin.end();
    await within(exited, 'the primary to end').catch(() => this.#process.kill('SIGKILL'));
    // Not every runtime ends by itself; and they have its streams.
    const gone = new Set(this.events.filter(({ event }) => event === 'exit').map(({ worker }) => worker));
    for (const { pid } of this.events.filter(({ event, worker }) => event === 'fork' && !gone.has(worker))) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {}
    }
    await within(this.closed, 'its streams to end');
    assert.doesNotMatch(this.#errors, /panicked/);
  }
}
