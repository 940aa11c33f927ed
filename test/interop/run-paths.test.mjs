// Servers at a Unix path under `crossfork run`.
import assert from 'node:assert';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { AT_ONCE } from '../cells.mjs';
import { get } from '../http.mjs';
import { someNode as runtime, withoutNode } from '../runtimes/index.mjs';
import { scratch } from '../scratch.mjs';
import { EveryNode } from './every-node.mjs';
import { supervise, until } from './supervised.mjs';

const DEADLINE = { timeout: 240_000 };

const suite = new EveryNode();

for (const framework of ['express', 'fastify']) {
  const skip = ({ major }) => framework === 'fastify' && major < 20 && 'this version of Fastify needs Node 20';
  suite.test(
    `${framework}: each worker removes the path and listens, and all serve`,
    { ...DEADLINE, skip },
    async (t, runtime) => {
      const path = socket(t);
      const env = { SOCKET: path, FRAMEWORK: framework };
      const run = supervise(t, runtime, { app: 'unlinks', args: ['-i', '4', '--reload-batch', '4'], env });
      const first = await listening(run, 4);
      assert.deepStrictEqual(await serving(path, 12), first.sort());
      let isOver = false;
      const failures = [];
      const busy = async () => {
        while (!isOver) {
          // While a new worker has removed the path and not asked for it yet, it is not there. Between bind and listen it
          // refuses.
          await get(path).catch(({ code }) => ['ENOENT', 'ECONNREFUSED'].includes(code) || failures.push(code));
        }
      };
      const clients = [busy(), busy(), busy()];
      run.kill('SIGHUP');
      await run.said(/^\[crossfork\] reloaded$/);
      for (const pid of first) await run.said(new RegExp(`\\(pid ${pid}\\) has ended: exit code 0$`));
      isOver = true;
      await Promise.all(clients);
      assert.deepStrictEqual(failures, [], run.text);
      assert.deepStrictEqual(await serving(path, 12), (await listening(run, 8)).slice(4).sort());
      assert.strictEqual(await run.stop(), 0, run.text);
      assert.ok(!existsSync(path));
    },
  );
}
suite.register();

describe('paths', { concurrency: AT_ONCE, skip: withoutNode }, () => {
  test('--balance shared: each worker removes the path and listens, and all serve', DEADLINE, async (t) => {
    const path = socket(t);
    const args = ['-i', '3', '--balance', 'shared'];
    const run = supervise(t, runtime, { app: 'unlinks', args, env: { SOCKET: path } });
    const workers = await listening(run, 3);
    assert.deepStrictEqual(await serving(path, 9), workers.sort());
    assert.strictEqual(await run.stop(), 0, run.text);
    assert.ok(!existsSync(path));
  });

  test('a path that was left by a manager that was killed is bound again', DEADLINE, async (t) => {
    const path = socket(t);
    const what = { app: 'unlinks', env: { SOCKET: path, KEEPS: '1', OPEN: '1' } };
    const killed = supervise(t, runtime, what);
    const workers = await listening(killed, 2);
    assert.strictEqual(await killed.stop('SIGKILL'), 'SIGKILL');
    await until(() => workers.every((pid) => !existsSync(`/proc/${pid}`)), 'the workers to end');
    assert.ok(existsSync(path));
    const run = supervise(t, runtime, what);
    const fresh = await listening(run, 2);
    assert.deepStrictEqual(await serving(path, 6), fresh.sort());
    assert.strictEqual(statSync(path).mode & 0o666, 0o666);
    assert.strictEqual(await run.stop(), 0, run.text);
    assert.ok(!existsSync(path));
  });

  test('workers that remove the path when they end leave it to the new ones', DEADLINE, async (t) => {
    const path = socket(t);
    const run = supervise(t, runtime, { app: 'unlinks', env: { SOCKET: path, TIDIES: '1' } });
    const first = await listening(run, 2);
    run.kill('SIGHUP');
    for (const pid of first) await run.said(new RegExp(`\\(pid ${pid}\\) has ended: exit code 0$`));
    const fresh = (await listening(run, 4)).slice(2);
    assert.deepStrictEqual(await serving(path, 6), fresh.sort());
    assert.strictEqual(await run.stop(), 0, run.text);
    assert.ok(!existsSync(path));
  });

  test('a path of another server, and a file that is no socket, are not touched', DEADLINE, async (t) => {
    const path = socket(t);
    const what = { app: 'unlinks', args: ['-i', '1', '--start-attempts', '1'], env: { SOCKET: path, KEEPS: '1' } };
    const other = net.createServer((client) => client.end('other')).listen(path);
    await once(other, 'listening');
    const first = supervise(t, runtime, what);
    assert.strictEqual(await first.end(), 3, first.text);
    assert.match(first.text, /EADDRINUSE/);
    const client = net.connect(path);
    assert.strictEqual(`${(await once(client, 'data'))[0]}`, 'other');
    other.close();
    await once(other, 'close');
    writeFileSync(path, 'text');
    const second = supervise(t, runtime, what);
    assert.strictEqual(await second.end(), 3, second.text);
    assert.strictEqual(readFileSync(path, 'utf8'), 'text');
  });

  test(
    'the permissions of a path are those that the program asks for, however often it is bound',
    DEADLINE,
    async (t) => {
      const path = socket(t);
      const run = supervise(t, runtime, { app: 'unlinks', env: { SOCKET: path, OPEN: '1' } });
      await listening(run, 2);
      assert.strictEqual(statSync(path).mode & 0o666, 0o666);
      rmSync(path);
      run.kill('SIGHUP');
      await run.said(/^\[crossfork\] reloaded$/);
      assert.strictEqual(statSync(path).mode & 0o666, 0o666);
      assert.strictEqual(await run.stop(), 0, run.text);
    },
  );

  test('a name in the abstract namespace is served', { ...DEADLINE, skip: process.platform !== 'linux' }, async (t) => {
    const name = `\0crossfork-${process.pid}`;
    const run = supervise(t, runtime, { app: program(t, name) });
    await listening(run, 2);
    // Clients of Node before version 22 write the name in another way.
    assert.match(readFileSync('/proc/net/unix', 'latin1'), new RegExp(` @${name.slice(1)}$`, 'm'));
    assert.strictEqual(await run.stop(), 0, run.text);
  });
});

const socket = (t) => join(scratch(t), 'socket');

/** A server at this name, which no environment variable can have. */
function program(t, name) {
  const path = join(scratch(t), 'server.cjs');
  const serve = '(_, response) => response.end(String(process.pid))';
  writeFileSync(path, `require('node:http').createServer(${serve}).listen(${JSON.stringify(name)});`);
  return path;
}

/** Waits until so many workers listen, and returns their PIDs, oldest first. */
async function listening(run, count) {
  return (await run.said(/^\[crossfork\] worker \d \(pid (\d+)\) listens$/, count)).map(([, pid]) => Number(pid));
}

/** Which workers answer so many requests. */
async function serving(path, requests) {
  const pids = new Set();
  for (let i = 0; i < requests; i++) pids.add(Number((await get(path)).body));
  return [...pids].sort();
}
