'use strict';

// What keeps a process alive, and what ends with it. Programs of this same runtime are looked at from outside.

const assert = require('node:assert');
const childProcess = require('node:child_process');
const net = require('node:net');
const { crossfork, isNode, run, until, workerPath } = require('./kit.cjs');

/** Runs a program with a pool, and gives how it ended and what it printed. */
async function program(text) {
  const index = JSON.stringify(require.resolve('../../../../js/index.cjs'));
  const source = `const { Pool } = require(${index});\nconst worker = ${JSON.stringify(workerPath('methods'))};\n${text}`;
  const child = childProcess.spawn(process.execPath, ['-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  const code = await new Promise((resolve) => child.once('close', resolve));
  return { code, output: output.trim() };
}

const isGone = (pid) => {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
};

const inNode = (run) => ({ unless: () => !isNode && 'its channels cannot be let go of', run });

run({
  'an idle pool does not keep the process alive, and its workers end with it': inNode(async () => {
    const { code, output } = await program(`
      const pool = new Pool(worker, { size: 2 });
      pool.ready().then(() => console.log(pool.workers.map(({ pid }) => pid).join()));
    `);
    assert.strictEqual(code, 0);
    for (const pid of output.split(',')) await until(() => isGone(Number(pid)), `${pid} ends`);
  }),
  'a pool that was never used lets the process end': inNode(async () => {
    assert.strictEqual((await program('new Pool(worker, { size: 2 });')).code, 0);
  }),
  'a call that has no answer yet keeps the process alive': inNode(async () => {
    const { code, output } = await program(`
      new Pool(worker, { size: 1 }).call('later', 500).then((ms) => console.log(ms));
    `);
    assert.deepStrictEqual([code, output], [0, '500']);
  }),
  'unref lets go even of calls': inNode(async () => {
    const { code, output } = await program(`
      const pool = new Pool(worker, { size: 1 }).unref();
      pool.call('later', 60_000).then((ms) => console.log(ms));
    `);
    assert.deepStrictEqual([code, output], [0, '']);
  }),
  'close and destroy keep the process until they are done': inNode(async () => {
    const { code, output } = await program(`
      (async () => {
        console.log((await new Pool(worker, { size: 1 }).close()).killed);
        const pool = new Pool(worker, { size: 1 });
        await pool.call('echo', 1);
        console.log((await pool.destroy()).killed);
      })();
    `);
    assert.deepStrictEqual([code, output], [0, '1\n1']);
  }),
  'workers end when their parent is killed': inNode(async (t) => {
    const index = JSON.stringify(require.resolve('../../../../js/index.cjs'));
    const source = `const { Pool } = require(${index});
      const pool = new Pool(${JSON.stringify(workerPath('methods'))}, { size: 2 });
      pool.call('never').catch(() => {});
      pool.ready().then(() => process.send(pool.workers.map(({ pid }) => pid)));`;
    const child = childProcess.spawn(process.execPath, ['-e', source], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    t.after(() => child.kill('SIGKILL'));
    const pids = await new Promise((resolve) => child.once('message', resolve));
    child.kill('SIGKILL');
    for (const pid of pids) await until(() => isGone(pid), `${pid} ends`);
  }),
  'a handle travels with a call, and with its result': inNode(async (t) => {
    const pool = t.pool('handles', { size: 1 });
    const server = net.createServer((socket) => socket.end('from the worker')).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address();
    assert.strictEqual(await pool.call('listen', undefined, { handle: server }), port);
    server.close();
    const text = await new Promise((resolve) => {
      let all = '';
      net
        .connect(port, '127.0.0.1')
        .on('data', (chunk) => (all += chunk))
        .on('close', () => resolve(all));
    });
    assert.strictEqual(text, 'by the worker');
    const { result, handle } = await pool.call('open', undefined, { takesHandle: true });
    assert.ok(handle instanceof net.Server);
    assert.strictEqual(handle.address().port, result);
    handle.close();
    assert.strictEqual(typeof (await pool.call('open')), 'number', 'a handle that is not wanted is closed');
    const other = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    assert.strictEqual(await pool.call('ignore', undefined, { handle: other }), 'ignored');
    const free = other.address().port;
    other.close();
    await until(() => canListen(free), 'the worker has closed what it did not take');
  }),
  'the worker of a cluster': inNode(async (t) => {
    const cluster = require('node:cluster');
    cluster.setupPrimary({ exec: workerPath('methods') });
    const worker = cluster.fork();
    t.after(() => worker.process.kill('SIGKILL'));
    const peer = crossfork.connectCalls(worker);
    assert.strictEqual(await peer.call('echo', 'cluster'), 'cluster');
    assert.throws(() => crossfork.connectCalls(worker.process), { code: 'ERR_INVALID_STATE' });
    peer.close();
  }),
});

function canListen(port) {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
