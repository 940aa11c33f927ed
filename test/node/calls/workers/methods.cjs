'use strict';

// A worker with methods of every kind.

const { AsyncLocalStorage } = require('node:async_hooks');
const { serve } = require('../../../../js/index.cjs');

const seen = [];
const storage = new AsyncLocalStorage();
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const concurrency = Number(process.argv[2] ?? 16);
let tornDown = false;

class Users {
  #names = ['ada', 'bob'];
  get(i) {
    return this.#names[i];
  }
}

serve(
  {
    echo: (value) => value,
    isUndefined: (value) => value === undefined,
    arguments: (...args) => args.slice(0, -1),
    nothing() {},
    pid: () => process.pid,
    id: () => process.env.CROSSFORK_WORKER_ID,
    async later(ms) {
      await sleep(ms);
      return ms;
    },
    throws({ name = 'Error', message = 'it failed on purpose', ...more }) {
      const Class = globalThis[name] ?? Error;
      const error = Object.assign(new Class(message), more);
      if (more.inner) error.cause = new TypeError(more.inner);
      throw error;
    },
    async rejects(value) {
      throw value;
    },
    async untilCancelled(name, cx) {
      seen.push(`${name} began`);
      await new Promise((_, reject) => {
        const timer = setInterval(() => {}, 1000);
        cx.signal.addEventListener('abort', () => {
          clearInterval(timer);
          seen.push(`${name} ended`);
          reject(cx.signal.reason);
        });
      });
    },
    async contextOfAbort(_, cx) {
      await storage.run('of the call', async () => {
        await new Promise((resolve) => {
          cx.signal.addEventListener('abort', () => {
            seen.push(storage.getStore() ?? 'none');
            resolve();
          });
        });
      });
    },
    seen: () => seen,
    note(text) {
      seen.push(text);
    },
    async noteLater({ text, ms }) {
      await sleep(ms);
      seen.push(text);
    },
    blocks(ms) {
      const end = Date.now() + ms;
      while (Date.now() < end);
      return ms;
    },
    never: () => new Promise(() => {}),
    *numbers(count) {
      for (let i = 0; i < count; i++) yield i;
    },
    async *rows({ count, failAt }) {
      try {
        for (let i = 0; i < count; i++) {
          if (i === failAt) throw new RangeError(`row ${i}`);
          yield { i };
        }
      } finally {
        seen.push('rows closed');
      }
    },
    async *endless(_, cx) {
      let i = 0;
      try {
        while (!cx.isCancelled) yield i++;
      } finally {
        seen.push(`endless closed after ${i}`);
      }
    },
    progress(steps, cx) {
      for (let i = 1; i <= steps; i++) cx.progress(i);
      return 'done';
    },
    async slowProgress(steps, cx) {
      for (let i = 1; i <= steps; i++) {
        cx.progress({ step: i });
        await sleep(5);
      }
    },
    context: (_, cx) => ({
      method: cx.method,
      traceparent: cx.traceparent,
      deadline: cx.deadline === undefined ? undefined : cx.deadline - Date.now(),
      isCancelled: cx.isCancelled,
    }),
    async askParent({ method, params }, cx) {
      return cx.peer.call(method, params);
    },
    notifyParent(texts, cx) {
      for (const text of texts) cx.peer.notify('note', text);
    },
    message: (value) => {
      process.send(value);
    },
    returnsFunction: () => () => {},
    returnsCycle() {
      const cycle = { list: [] };
      cycle.list.push(cycle, () => {});
      return cycle;
    },
    bytes: (size) => Buffer.alloc(size, 7),
    length: (bytes) => bytes.length,
    die(signal = 'SIGKILL') {
      process.kill(process.pid, signal);
      return new Promise(() => {});
    },
    exit(code) {
      process.stderr.write('a last word\n', () => process.exit(code));
      return new Promise(() => {});
    },
    disconnect() {
      setInterval(() => {}, 1000);
      process.disconnect();
    },
    print(text) {
      process.stderr.write(`${text}\n`);
      process.stdout.write(`${text}\n`);
    },
    users: new Users(),
    tornDown: () => tornDown,
  },
  {
    concurrency,
    tearDown() {
      tornDown = true;
      if (process.env.CROSSFORK_TEST_TEAR_DOWN) process.send('torn down');
    },
  },
);
