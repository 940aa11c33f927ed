'use strict';

// What keeps a process alive, and what ends with it. Programs of this same runtime are looked at from outside.

const assert = require('node:assert');
const childProcess = require('node:child_process');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const net = require('node:net');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { crossfork, isNode, run, until, workerPath } = require('./kit.cjs');

/** A program of this runtime that has a pool. */
function start(t, text, stdio) {
  const folder = mkdtempSync(join(tmpdir(), 'crossfork-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const index = JSON.stringify(require.resolve('../../../../js/index.cjs'));
  const worker = JSON.stringify(workerPath('methods'));
  const script = join(folder, 'program.cjs');
  writeFileSync(script, `const { Pool } = require(${index});\nconst worker = ${worker};\n${text}`);
  const args = process.versions.deno ? ['run', '--quiet', '--allow-all', script] : [script];
  return childProcess.spawn(process.execPath, args, { stdio });
}

/** How the program ended, and what it printed. */
async function program(t, text) {
  const child = start(t, text, ['ignore', 'pipe', 'inherit']);
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

const inNode = (run) => ({ unless: () => !isNode && 'only the handles of Node are tried here', run });

run({
  'an idle pool does not keep the process alive, and its workers end with it': async (t) => {
    const { code, output } = await program(
      t,
      `
      const pool = new Pool(worker, { size: 2 });
      pool.ready().then(() => console.log(pool.workers.map(({ pid }) => pid).join()));
    `,
    );
    assert.strictEqual(code, 0);
    for (const pid of output.split(',')) await until(() => isGone(Number(pid)), `${pid} ends`);
  },
  'a pool that was never used lets the process end': async (t) => {
    assert.strictEqual((await program(t, 'new Pool(worker, { size: 2 });')).code, 0);
  },
  'a call that has no answer yet keeps the process alive': async (t) => {
    const { code, output } = await program(
      t,
      `
      new Pool(worker, { size: 1 }).call('later', 500).then((ms) => console.log(ms));
    `,
    );
    assert.deepStrictEqual([code, output], [0, '500']);
  },
  'unref lets go even of calls': async (t) => {
    const { code, output } = await program(
      t,
      `
      const pool = new Pool(worker, { size: 1 }).unref();
      pool.call('later', 60_000).then((ms) => console.log(ms));
    `,
    );
    assert.deepStrictEqual([code, output], [0, '']);
  },
  'close and destroy keep the process until they are done': async (t) => {
    const { code, output } = await program(
      t,
      `
      (async () => {
        console.log((await new Pool(worker, { size: 1 }).close()).killed);
        const pool = new Pool(worker, { size: 1 });
        await pool.call('echo', 1);
        console.log((await pool.destroy()).killed);
      })();
    `,
    );
    assert.deepStrictEqual([code, output], [0, '1\n1']);
  },
  'what workers write is seen where nobody listens for it': async (t) => {
    const text = `(async () => {
      const pool = new Pool(worker, { size: 1 });
      await pool.call('print', 'hello');
      await pool.close();
    })();`;
    const child = start(t, text, ['ignore', 'pipe', 'pipe']);
    const seen = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) child[name].on('data', (chunk) => (seen[name] += chunk));
    await new Promise((resolve) => child.once('close', resolve));
    assert.deepStrictEqual(seen, { stdout: 'hello\n', stderr: 'hello\n' });
  },
  'workers end when their parent is killed': async (t) => {
    const text = `const pool = new Pool(worker, { size: 2 });
      pool.call('never').catch(() => {});
      pool.ready().then(() => console.log(pool.workers.map(({ pid }) => pid).join()));`;
    const child = start(t, text, ['ignore', 'pipe', 'inherit']);
    t.after(() => child.kill('SIGKILL'));
    const line = await new Promise((resolve) => child.stdout.once('data', resolve));
    child.kill('SIGKILL');
    for (const pid of String(line).trim().split(',')) await until(() => isGone(Number(pid)), `${pid} ends`);
  },
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
