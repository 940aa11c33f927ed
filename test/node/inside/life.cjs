'use strict';

// How sockets keep processes and contexts alive, and how these end. Each runs in its own process.

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const { join } = require('node:path');
const { within } = require('../../interop/kit/wait.cjs');
const { hasPrlimit, run } = require('./kit.cjs');

const PROGRAMS = join(__dirname, 'programs');
const isDeno = Boolean(process.versions.deno);
const hasLibuv = !isDeno && !process.versions.bun;
/** With a way to ask for a garbage collection. */
const flags = isDeno
  ? ['run', '--quiet', '--allow-all', '--v8-flags=--expose-gc']
  : process.versions.bun
    ? []
    : ['--expose-gc'];

/** What one of the program's parts wrote, and how it ended. */
async function part(t, name, program = 'life.cjs') {
  const child = spawn(process.execPath, [...flags, join(PROGRAMS, program), name], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr']) {
    child[stream].on('data', (bytes) => {
      output[stream] += bytes;
    });
  }
  const end = new Promise((resolve) => child.on('close', (code, signal) => resolve(signal ?? code)));
  const how = await within(end, () => `the end of ${name}: ${output.stdout}${output.stderr}`);
  return { how, ...output };
}

const endsWell = (name, stdout, program) => async (t) => {
  assert.deepStrictEqual(await part(t, name, program), { how: 0, stdout, stderr: '' });
};

const workersEndWell = (name, stdout) => endsWell(name, stdout, 'workers.cjs');

run({
  'a waiting socket keeps the process alive': endsWell('waiting', 'later\n'),
  'a socket without a listener does not keep the process alive': endsWell('unread', 'done\n'),
  'an unreferenced socket does not keep the process alive': endsWell('unref', 'done\n'),
  'ref after unref': endsWell('ref', 'later\n'),
  'a listening server keeps the process alive unless it is unreferenced': endsWell('server', 'closed\n'),
  'queued messages are sent before the process ends': endsWell('flush', 'all\n'),

  'process.exit in a listener': async (t) => {
    const { how, stdout, stderr } = await part(t, 'exit');
    assert.deepStrictEqual({ how, stdout, stderr }, { how: 7, stdout: 'a message\n', stderr: '' });
  },

  'an exception in a listener is uncaught, and the process ends': async (t) => {
    const { how, stderr } = await part(t, 'throw');
    assert.strictEqual(how, 1);
    assert.match(stderr, /thrown in a listener/);
  },

  'a caught exception loses nothing and keeps the order': endsWell(
    'caught',
    'caught 1, 3, 5, 7, 9; seen 0, 1, 2, 3, 4, 5, 6, 7, 8, 9\n',
  ),

  'the first socket without a free descriptor: an error, and a retry works': {
    unless: () => !hasPrlimit() && 'there is no prlimit here',
    run: endsWell('full', 'EMFILE, ok\n'),
  },
  'the first server with only one free descriptor: an error, and neither path nor descriptor is left': {
    unless: () => (process.versions.bun || !hasPrlimit()) && 'there is no way to have so few descriptors here',
    run: endsWell('full-server', 'EMFILE, ok\n'),
  },
  'more descriptors in flight than the user may have: they wait, and all arrive': {
    unless: () => (isDeno || !hasPrlimit()) && 'there is no way to be another user here',
    run: endsWell('many-on-their-way', 'ETOOMANYREFS, all 3000 arrived in order\n'),
  },
  'worker threads have their own sockets': workersEndWell('workers', 'echoed 4\n'),
  'a terminated worker leaves nothing open': workersEndWell('terminate', 'nothing is left\n'),
  "a terminated worker removes its server's path": workersEndWell('terminate-server', 'ENOENT\n'),
  'a worker that exits leaves nothing open': workersEndWell('end-worker', 'nothing is left\n'),
  'workers start and end while the main thread continues': workersEndWell('churn', 'all 300 arrived\n'),
  "without libuv's loop a thread waits, and ends with the last context that had a socket": workersEndWell(
    'thread',
    `before 0, during ${hasLibuv ? 0 : 1}, after 0\n`,
  ),
  'a worker terminated during an event leaves no waiter behind': workersEndWell('terminate-often', 'nothing is left\n'),
  'two threads cannot own one descriptor': workersEndWell('same-number', 'EEXIST\n'),
  'more mappings than the kernel allows: an error before the process crashes': endsWell(
    'many-mappings',
    'ERR_CROSSFORK_TOO_MANY_MAPPINGS early\n',
  ),
  'any number of mappings that are unmapped at once': endsWell('unmapped', '70000\n'),
  '100,000 descriptors, none left open': endsWell('hundred-thousand', 'none left\n'),
  '10,000 sockets opened and closed, memory flat': endsWell('ten-thousand', 'flat\n'),
});
