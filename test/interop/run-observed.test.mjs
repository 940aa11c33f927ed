// What a program can observe of the file that `crossfork run` loads before it: everything that is listed here, and
// nothing else.
import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratch } from '../scratch.mjs';
import { EveryNode } from './every-node.mjs';
import { supervise } from './supervised.mjs';

const DEADLINE = { timeout: 240_000 };

/** The listeners that each server has more, by the module that has made it. */
const LISTENERS = {
  net: ['listening', 'close'],
  http: ['listening', 'close'],
  https: ['listening', 'close', 'secureConnection'],
  http2: ['listening', 'close', 'session'],
};

/** What is different on a Node of this version. */
const documented = (major) => ({
  'own: listeners of process: internalMessage': 'one more',
  'own: loaded modules of Node': 'different',
  'own: net.Server.prototype.listen.toString()': 'different',
  ...(major < 20 && { 'thread: loaded modules of Node': 'different' }),
  ...Object.fromEntries(
    Object.entries(LISTENERS).flatMap(([kind, events]) =>
      events.map((event) => [`servers: listeners of a server: ${kind}, ${event}`, 'one more']),
    ),
  ),
});

const suite = new EveryNode();

for (const app of ['observed.cjs', 'observed.mjs']) {
  suite.test(`all that ${app} can observe of the preload is what is documented`, DEADLINE, async (t, runtime) => {
    const [without, having] = [await observed(t, runtime, app, ['--no-shim']), await observed(t, runtime, app, [])];
    assert.deepStrictEqual(differences(without, having), documented(runtime.major));
  });
}

suite.test('a connection costs two calls of a listener, and a request nothing', DEADLINE, async (t, runtime) => {
  const { listening, serving, CONNECTIONS } = await observed(t, runtime, 'counted.cjs', []);
  assert.ok(listening.track === 1, `functions are counted: ${JSON.stringify(listening)}`);
  const { '': listener, ...others } = serving;
  assert.deepStrictEqual(others, {});
  // Node tells of the message that brings a connection, and of what is inside of it.
  assert.ok(listener <= 2 * (CONNECTIONS + 1), `${listener} calls for ${CONNECTIONS + 1} connections`);
});
suite.register();

/** Runs a program until it has exited, and returns what it has observed. */
async function observed(t, runtime, app, args) {
  const folder = scratch(t);
  const file = join(folder, 'observed');
  const run = supervise(t, runtime, { app, args: ['-i', '1', ...args], env: { OBSERVED: file } });
  const [[, pid]] = await run.said(/\(pid (\d+)\) has ended: exit code 7$/);
  run.kill('SIGKILL');
  return JSON.parse(readFileSync(`${file}.${pid}`, 'utf8'));
}

/** By name, what is different with the preload. */
function differences(without, having) {
  const found = {};
  for (const place of Object.keys(without)) {
    for (const name of new Set([...Object.keys(without[place]), ...Object.keys(having[place])])) {
      const [before, after] = [without[place][name], having[place][name]];
      if (JSON.stringify(before) === JSON.stringify(after)) continue;
      found[`${place}: ${name}`] = after === (before ?? 0) + 1 ? 'one more' : 'different';
    }
  }
  return found;
}
