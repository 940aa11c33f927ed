// Load from another process: wrk costs the machine less than a client in JavaScript.
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

/** Ends the bench where it is missing. */
export function needWrk() {
  if (!spawnSync('wrk', ['--version']).error) return;
  console.error('This bench needs wrk on the PATH (Debian and Ubuntu: apt install wrk).');
  process.exit(2);
}

/**
 * Sends requests over as many connections as there are clients, or over a new one for each request.
 * @returns {Promise<{ requests: number, rate: number }>} how many were answered, and how many in a second
 */
export async function load({ port }, { close, seconds, clients }) {
  const header = close ? ['--header', 'Connection: close'] : [];
  const args = ['--threads', '1', '--connections', clients, '--duration', `${Math.ceil(seconds)}s`, ...header];
  const { stdout } = await promisify(execFile)('wrk', [...args.map(String), `http://127.0.0.1:${port}/`]);
  const errors = /Socket errors: (.*)|Non-2xx[^\n]*/.exec(stdout);
  // wrk counts as a read error that a server closes, which it was asked to.
  if (errors && !/connect 0, read \d+, write 0, timeout 0/.test(errors[0])) throw new Error(errors[0]);
  return {
    requests: Number(/(\d+) requests in/.exec(stdout)[1]),
    rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)[1]),
  };
}
