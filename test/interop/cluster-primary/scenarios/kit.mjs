// What the scenarios share.
import assert from 'node:assert';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

export const { until, within } = createRequire(import.meta.url)('../../kit/wait.cjs');

export const credentials = (() => {
  const pem = readFileSync(join(import.meta.dirname, '../localhost.pem'), 'utf8');
  return { key: pem, cert: pem };
})();

export const listen = (...args) => ({ listen: args });
export const LOCAL = { port: 0, host: '127.0.0.1' };

/** Workers that serve the same, and the port. */
export async function serving(primary, count, options = {}) {
  const workers = await primary.forkSome(count);
  const ports = [];
  for (const worker of workers) {
    const { address } = await ok(worker.does('listen', { ...listen(LOCAL), ...options }));
    ports.push(address.port);
  }
  assert.strictEqual(new Set(ports).size, 1, 'all have the same port');
  return { workers, port: ports[0] };
}

export async function ok(answering) {
  const answer = await answering;
  assert.strictEqual(answer?.failed, undefined);
  return answer;
}

export const of = (events, worker) => events.filter((event) => event.worker === worker && event.event !== 'message');
export const isAlive = (pid) => existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
