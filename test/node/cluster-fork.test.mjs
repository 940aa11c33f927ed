import assert from 'node:assert';
import { execFile } from 'node:child_process';
import cluster from 'node:cluster';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { commandLine, runtimes } from '../runtimes/index.mjs';
import { command } from './native.mjs';

const require = createRequire(import.meta.url);
const { clusterFork } = require('../../js/index.cjs');
const { event } = require('../interop/kit/wait.cjs');

const folder = mkdtempSync(join(tmpdir(), 'crossfork-'));
after(() => rmSync(folder, { recursive: true }));

const { execPath } = process;
/** In a cluster the worker listens, on a free port. */
const WORKER = ['worker', '--listen', '127.0.0.1:0'];
const echo = (t, ...args) => {
  const worker = clusterFork(...args);
  t.after(() => {
    // The cluster may still try to send to it.
    worker.on('error', () => {});
    worker.process.kill('SIGKILL');
  });
  return worker;
};

test('CH-11: clusterFork adds a program to the cluster, and returns the Worker', async (t) => {
  const worker = echo(t, command, WORKER);
  assert.ok(worker instanceof cluster.Worker);
  assert.strictEqual(cluster.workers[worker.id], worker);
  assert.deepStrictEqual(worker.process.spawnargs, [command, ...WORKER]);
  worker.send('hello');
  assert.deepStrictEqual((await event(worker, 'message'))[0], 'hello');
});

test('clusterFork: process.execPath and cluster.settings are restored, even if it throws', (t) => {
  cluster.setupPrimary({ exec: 'the-users-own.js', args: ['x'], silent: true });
  const settings = cluster.settings;
  echo(t, command, WORKER);
  assert.strictEqual(process.execPath, execPath);
  assert.strictEqual(cluster.settings, settings);
  assert.deepStrictEqual([settings.exec, settings.args], ['the-users-own.js', ['x']]);

  const { fork } = cluster;
  t.after(() => {
    cluster.fork = fork;
  });
  cluster.fork = () => {
    assert.strictEqual(process.execPath, command);
    throw new Error('not today');
  };
  assert.throws(() => clusterFork(command, WORKER), /not today/);
  assert.strictEqual(process.execPath, execPath);
  assert.strictEqual(cluster.settings, settings);
});

test('clusterFork: applies silent and other settings of cluster.setupPrimary, and the environment', async (t) => {
  cluster.setupPrimary({ silent: true });
  const worker = echo(t, '/bin/sh', ['-c', 'echo "$VARIABLE $NODE_UNIQUE_ID"'], { VARIABLE: 'x' });
  const [text] = await event(worker.process.stdout, 'data');
  assert.strictEqual(String(text), `x ${worker.id}\n`);
});

test('clusterFork: passes the arguments in order and adds none, even if this process is inspected', async (t) => {
  cluster.setupPrimary({ silent: true });
  const before = process.env.NODE_OPTIONS;
  t.after(() => {
    if (before === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = before;
  });
  process.env.NODE_OPTIONS = '--inspect=0';
  const worker = echo(t, '/bin/sh', ['-c', 'echo "$@" $NODE_OPTIONS', 'sh', '--inspect', 'last']);
  assert.strictEqual(process.env.NODE_OPTIONS, '--inspect=0');
  const [text] = await event(worker.process.stdout, 'data');
  assert.strictEqual(String(text), '--inspect last --inspect=0\n');
});

test('clusterFork: searches a name on the PATH of the given environment', (t) => {
  const worker = echo(t, 'true', [], { PATH: '/nowhere:/bin' });
  assert.deepStrictEqual(worker.process.spawnargs, ['/bin/true', '']);
  assert.throws(() => clusterFork('true', [], { PATH: join(folder, 'absent') }), { code: 'ENOENT' });
});

test('clusterFork: without arguments it passes one empty argument, because cluster always passes one', async (t) => {
  const worker = echo(t, '/bin/true');
  assert.deepStrictEqual(worker.process.spawnargs, ['/bin/true', '']);
});

test('clusterFork: throws if a program cannot be started', () => {
  assert.throws(() => clusterFork('/no/such/program'), { code: 'ENOENT' });
  assert.throws(() => clusterFork('worker.js'), { code: 'ERR_INVALID_ARG_VALUE' });
  assert.throws(() => clusterFork(command, 'worker'), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.throws(() => clusterFork(command, [], 5), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.strictEqual(process.execPath, execPath);
});

const PROGRAM = `
  const { clusterFork } = require(${JSON.stringify(require.resolve('../../js/index.cjs'))});
  const worker = clusterFork(process.argv[2], ${JSON.stringify(WORKER)});
  worker.on('message', (message) => console.log(message));
  worker.on('listening', ({ address, port }) => {
    require('node:http').get({ host: address, port, agent: false }, (response) => {
      response.on('data', (text) => console.log(String(text).replace(worker.process.pid, 'PID').trim()));
      response.on('end', () => {
        worker.send('an echo', () => worker.disconnect());
      });
    });
  });
  worker.on('exit', (code) => console.log('exit', code, worker.exitedAfterDisconnect));`;

for (const runtime of runtimes) {
  const skip = runtime.kind !== 'node' && `the cluster of ${runtime.name} cannot run other programs`;
  test(`clusterFork: in ${runtime.name} the worker serves, sends messages, and exits on disconnect`, {
    skip,
  }, async () => {
    const program = join(folder, 'program.cjs');
    writeFileSync(program, PROGRAM);
    const args = commandLine(runtime, program, [command]);
    const { stdout } = await promisify(execFile)(runtime.bin, args, { timeout: 240_000 });
    const expected = ['handled by child, pid is PID', 'an echo', 'exit 0 true', ''];
    assert.deepStrictEqual(stdout.split('\n'), expected);
  });
}
