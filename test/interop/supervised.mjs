// Starts `crossfork run`, and reads its output.
import assert from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { artifact } from '../artifacts.mjs';
import { app } from './apps/index.mjs';

const require = createRequire(import.meta.url);
const { until, within } = require('./kit/wait.cjs');

export { until, within };

export const crossfork = artifact('crossfork');

/**
 * @param {{ app?: string, args?: string[], env?: object, appArgs?: string[], wrapper?: string[], detached?: boolean }}
 *   what `app`: the name of one of the programs in apps/, or a path
 */
export function supervise(t, runtime, { app: name = 'plain', args = [], appArgs = [], wrapper = [], ...what } = {}) {
  const path = name.includes('/') ? name : app(name);
  const instances = args.includes('-i') ? [] : ['-i', '2'];
  const options = ['--node', runtime.bin, ...instances, ...args];
  const command = [...wrapper, crossfork, 'run', ...options, path, '--', ...appArgs];
  // One that is killed leaves its temporary files.
  const temporary = mkdtempSync(join(tmpdir(), 'crossfork-run-'));
  const child = spawn(command[0], command.slice(1), {
    env: { ...process.env, TMPDIR: temporary, ...what.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: what.detached,
  });
  const run = new Run(child);
  t.after(async () => {
    run.kill('SIGKILL'); // if it is still running; its workers exit with it
    await run.closed;
    rmSync(temporary, { recursive: true, force: true });
  });
  return run;
}

class Run {
  /** `{ stream, text }` for each line so far. */
  lines = [];
  #waiting = new Set();

  constructor(child) {
    this.child = child;
    for (const stream of ['stdout', 'stderr']) {
      createInterface({ input: child[stream] }).on('line', (text) => {
        this.lines.push({ stream, text });
        for (const look of this.#waiting) look();
      });
    }
    this.closed = once(child, 'close');
    this.closed.then(() => {
      for (const look of this.#waiting) look();
    });
  }

  get text() {
    return this.lines.map(({ text }) => `${text}\n`).join('');
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
        else if (this.child.stdout.closed && this.child.stderr.closed)
          reject(new Error(`it ended without ${count} of ${pattern}:\n${this.text}`));
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

  /** Waits until this many workers listen, and returns the port. */
  async port(workers = 2) {
    await this.said(/^\[crossfork\] worker \d+ \(pid \d+\) listens$/, workers);
    const ports = new Set((await this.said(/^\[\d+ \d+\] port (\d+)$/, workers)).map(([, port]) => Number(port)));
    assert.strictEqual(ports.size, 1, this.text);
    return [...ports][0];
  }

  /** Waits until this many workers are up, and returns their PIDs, oldest first. */
  async workers(count = 2) {
    const up = await this.said(
      /^\[crossfork\] worker \d+ \(pid (\d+)\) (?:listens|is up, but does not listen)$/,
      count,
    );
    return up.map(([, pid]) => Number(pid));
  }

  async end() {
    await within(this.closed, () => `its end, after\n${this.text}`, 60_000);
    return this.child.exitCode ?? this.child.signalCode;
  }

  async stop(signal = 'SIGTERM') {
    this.kill(signal);
    return this.end();
  }
}

/** Sends one request over a new connection. */
export function get(target, path = '/', options = {}) {
  const to = typeof target === 'number' ? { port: target, host: '127.0.0.1' } : { socketPath: target };
  return new Promise((resolve, reject) => {
    const request = http.request({ ...to, path, agent: false, ...options }, (response) => {
      options.onResponse?.(response);
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text) => {
        body += text;
        options.onData?.(body);
      });
      response.on('end', () => resolve({ status: response.statusCode, body }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(options.body);
  });
}
