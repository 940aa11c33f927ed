// Starts `crossfork run`, and reads its output.
import assert from 'node:assert';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { artifact } from '../artifacts.mjs';
import { Program } from '../program.mjs';
import { scratch } from '../scratch.mjs';
import { app } from './apps/index.mjs';

const require = createRequire(import.meta.url);
const { until, within } = require('./kit/wait.cjs');

export { until, within };

export const crossfork = artifact('crossfork');

/** A new worker counts as proven soon, so that reloads under load take little time. */
export const SOON = ['--min-uptime', '0.2'];

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

/** A file for `--env-file`, which a test writes again. */
export function variables(t, text) {
  const path = join(scratch(t), 'variables');
  const write = (text) => writeFileSync(path, `${text}\n`);
  write(text);
  return { path, write };
}

class Run extends Program {
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

  async stop(signal = 'SIGTERM') {
    this.kill(signal);
    return this.end();
  }
}
