// One contestant at work, as an operator sees it from outside.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../http.mjs';
import { Connection } from './connection.mjs';
import { CONTESTANTS } from './contestants.mjs';
import { childrenOf, treeOf } from './processes.mjs';

/** Nothing that a runner is asked to do may take longer. */
const DEADLINE_MS = 45_000;
const PROBE_MS = 50;
const PROBE_PATIENCE_MS = 1000;
/** How long only new workers must have answered until the old ones count as replaced. */
const CERTAIN_MS = 1000;

const running = new Set();
// Whatever ends the bench ends what it has started.
process.on('exit', () => {
  for (const runner of running) runner.kill();
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

export class Runner {
  /** When each worker, or thread of one, last answered. */
  #seen = new Map();
  #closing = new AbortController();

  /** Starts it, and waits until all workers have answered. */
  static async start(name, { env, ...setup }) {
    const runner = new Runner(name, { ...setup, port: await freePort() }, env);
    try {
      await runner.#until(() => runner.#seen.size >= setup.workers, 'no answer of each worker');
      return runner;
    } catch (error) {
      await runner.close();
      throw error;
    }
  }

  constructor(name, setup, env) {
    const folder = mkdtempSync(join(tmpdir(), 'crossfork-bench-'));
    Object.assign(this, { name, folder, port: setup.port, setup: { ...setup, folder } });
    const { command, env: own = () => ({}) } = CONTESTANTS[name];
    const [file, ...args] = command(this.setup).map(String);
    const output = openSync(join(folder, 'output'), 'a');
    const started = performance.now();
    this.process = spawn(file, args, {
      env: { ...process.env, ...env, ...own(this.setup), PORT: String(this.port) },
      stdio: ['ignore', output, output],
      detached: true, // a process group of its own, which can be killed as a whole
    });
    closeSync(output);
    running.add(this);
    this.ended = once(this.process, 'exit');
    this.#watch(() => (this.firstAnswerMs ??= performance.now() - started));
  }

  /** Asks all the time who answers. These requests are not counted. */
  async #watch(answered) {
    while (!this.#closing.signal.aborted) {
      const { verdict, worker } = await new Connection(this.port).ask({ close: true, patience: PROBE_PATIENCE_MS });
      if (verdict === 'ok') {
        answered();
        this.#seen.set(worker, performance.now());
      }
      await sleep(PROBE_MS);
    }
  }

  get pid() {
    return this.process.pid;
  }

  get isRunning() {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  /** The processes of workers. None, if workers are threads. */
  get workers() {
    return childrenOf(this.pid);
  }

  get processes() {
    return treeOf(this.pid);
  }

  get output() {
    return readFileSync(join(this.folder, 'output'), 'utf8');
  }

  /** Processes of workers that have answered a moment ago. */
  get serving() {
    const pids = this.workers;
    const recent = [...this.#seen].filter(([, at]) => performance.now() - at < CERTAIN_MS).map(([id]) => pidOf(id));
    return [...new Set(recent)].filter((pid) => pids.includes(pid));
  }

  /** Asks for new workers, and does not wait for them. */
  async reload() {
    const { reload } = CONTESTANTS[this.name];
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(DEADLINE_MS)]);
    if (typeof reload === 'string') this.process.kill(reload);
    else await reload(this.setup, { pid: this.pid, signal });
  }

  /** Reloads, and waits until no worker that has answered so far does so any more, and their processes have ended. */
  async replaced() {
    const old = [...this.#seen.keys()];
    await this.reload();
    const begin = performance.now();
    await this.#until(() => {
      const now = performance.now();
      const isGone = (id) => this.#seen.get(id) < now - CERTAIN_MS && !this.workers.includes(pidOf(id));
      return now > begin + CERTAIN_MS && old.every(isGone) && [...this.#seen.keys()].some((id) => !old.includes(id));
    }, 'not all workers were replaced');
  }

  /** SIGTERM to the runner, as every init system sends it. */
  async stop() {
    this.process.kill('SIGTERM');
    await this.#until(() => !this.isRunning, 'it has not stopped');
  }

  async #until(isDone, otherwise) {
    const end = performance.now() + DEADLINE_MS;
    while (!isDone()) {
      const dead = !this.isRunning && otherwise !== 'it has not stopped';
      if (dead || performance.now() > end) throw new Error(`${this.name}: ${dead ? 'it has ended' : otherwise}`);
      await sleep(PROBE_MS);
    }
  }

  /** Ends whatever is left of it. */
  async close() {
    this.#closing.abort();
    this.kill();
    await this.ended;
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  kill() {
    running.delete(this);
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  }
}

/** Workers are called by their process and thread. */
const pidOf = (id) => Number(id.split(':')[0]);
