// A program that a test has started, and the lines that it writes.
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const { within } = createRequire(import.meta.url)('./interop/kit/wait.cjs');

export class Program {
  /** `{ stream, text }` for each line so far. */
  lines = [];
  #waiting = new Set();
  #isClosed = false;

  /** @param {import('node:child_process').ChildProcess} child with its output in pipes */
  constructor(child) {
    this.child = child;
    for (const stream of ['stdout', 'stderr'].filter((name) => child[name])) {
      createInterface({ input: child[stream] }).on('line', (text) => {
        this.lines.push({ stream, text });
        for (const look of this.#waiting) look();
      });
    }
    /** Resolves when all that have its output have ended. */
    this.closed = once(child, 'close').then(() => {
      this.#isClosed = true;
      for (const look of this.#waiting) look();
    });
  }

  get pid() {
    return this.child.pid;
  }

  /** Whether somebody has its output: itself, or a process that it has started. */
  get isOpen() {
    return !this.#isClosed;
  }

  /** What it has written. */
  get text() {
    return this.#textOf(this.lines);
  }

  /** What it has written to standard output. */
  get output() {
    return this.#textOf(this.lines.filter(({ stream }) => stream === 'stdout'));
  }

  #textOf(lines) {
    return lines.map(({ text }) => `${text}\n`).join('');
  }

  kill(signal) {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
  }

  /** Waits until the output has `count` matches of `pattern`, and returns all matches. */
  async said(pattern, count = 1) {
    const matches = () => [...this.text.matchAll(new RegExp(pattern, 'gm'))];
    let look;
    const found = new Promise((resolve, reject) => {
      look = () => {
        if (matches().length >= count) resolve();
        else if (this.#isClosed) reject(new Error(`it ended without ${count} of ${pattern}:\n${this.text}`));
      };
    });
    this.#waiting.add(look);
    look();
    try {
      await within(found, () => `${count} of ${pattern} in\n${this.text}`);
    } finally {
      this.#waiting.delete(look);
    }
    return matches();
  }

  /** Waits until the output has a match of `pattern`, and returns it. */
  async line(pattern) {
    const [match] = await this.said(pattern);
    return match;
  }

  /** Waits until it has ended, and returns the exit code, or the signal. */
  async end() {
    await within(this.closed, () => `its end, after\n${this.text}`);
    return this.child.exitCode ?? this.child.signalCode;
  }
}
