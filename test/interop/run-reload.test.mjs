// `crossfork run`: SIGHUP replaces all workers without a gap.
import assert from 'node:assert';
import { once } from 'node:events';
import { mkdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { AT_ONCE } from '../cells.mjs';
import { get } from '../http.mjs';
import { someNode, withoutNode } from '../runtimes/index.mjs';
import { scratch } from '../scratch.mjs';
import { app } from './apps/index.mjs';
import { EveryNode } from './every-node.mjs';
import { Load } from './load.mjs';
import { SOON, supervise, until, variables } from './supervised.mjs';

const DEADLINE = { timeout: 240_000 };

const suite = new EveryNode();

for (const balance of ['rr', 'shared']) {
  suite.test(`${balance}: under load, no request fails in three reloads`, DEADLINE, async (t, runtime) => {
    const run = supervise(t, runtime, { args: ['--balance', balance, ...SOON] });
    const port = await run.port();
    const load = new Load('a connection each', port);
    t.after(() => load.stop());
    await load.answered(100);
    for (let round = 1; round <= 3; round++) {
      run.kill('SIGHUP');
      await run.said(/^\[crossfork\] reloaded$/, round);
      await run.said(/has ended: exit code 0$/, round * 2);
      await load.answered(100);
    }
    assert.deepStrictEqual(await load.stop(), []);
    const workers = await run.workers(8);
    assert.strictEqual(new Set(workers).size, 8);
    for (const pid of [...workers.slice(0, 2), ...workers.slice(6)])
      assert.ok(load.texts.has(`${pid}`), `${pid} served`);
    assert.strictEqual(await run.stop(), 0, run.text);
  });
}

suite.test('if a new worker cannot start, the old ones stay', DEADLINE, async (t, runtime) => {
  const file = variables(t, 'A=1');
  const run = supervise(t, runtime, { args: ['--env-file', file.path, ...SOON] });
  const port = await run.port();
  const load = new Load('a connection each', port);
  t.after(() => load.stop());
  await load.answered(10);
  file.write('MODE=fails');
  run.kill('SIGHUP');
  await run.said(/^\[crossfork\] RELOAD FAILED: the new worker 0 \(pid \d+\) exited before it was up\./);
  await load.answered(100);
  file.write('B=2');
  run.kill('SIGHUP');
  await run.said(/^\[crossfork\] reloaded$/);
  const { env } = JSON.parse((await get(port, '/about')).body);
  assert.deepStrictEqual([env.A, env.B], [undefined, '2']);
  assert.deepStrictEqual(await load.stop(), []);
  assert.strictEqual(await run.stop(), 0, run.text);
});

suite.test(
  'a new worker that does not listen in time is killed, and the old ones stay',
  DEADLINE,
  async (t, runtime) => {
    const file = variables(t, '');
    const run = supervise(t, runtime, { args: ['--env-file', file.path, '--listen-timeout', '1'] });
    const port = await run.port();
    const old = (await run.workers()).map(String);
    file.write('MODE=silent');
    run.kill('SIGHUP');
    await run.said(/^\[crossfork\] RELOAD FAILED: the new worker 0 \(pid \d+\) does not listen\./);
    await run.said(/^\[crossfork\] worker 0 \(pid \d+\) has ended: SIGKILL$/);
    const pids = new Set();
    for (let i = 0; i < 10; i++) pids.add((await get(port)).body);
    assert.deepStrictEqual([...pids].sort(), old.sort());
    assert.strictEqual(await run.stop(), 0, run.text);
  },
);

suite.test('if a new worker listens and then crashes, the old ones stay', DEADLINE, async (t, runtime) => {
  const file = variables(t, '');
  const run = supervise(t, runtime, { args: ['--env-file', file.path] });
  const port = await run.port();
  const old = await run.workers();
  file.write('MODE=crashes');
  run.kill('SIGHUP');
  await run.said(/^\[crossfork\] worker 0 \(pid \d+\) is up: watching it for 2s before an old worker goes$/);
  await run.said(/^\[crossfork\] RELOAD FAILED: the new worker 0 \(pid \d+\) exited too soon after it was up\./);
  const pids = new Set();
  for (let i = 0; i < 10; i++) pids.add(Number((await get(port)).body));
  assert.deepStrictEqual([...pids].sort(), old.sort());
  assert.strictEqual(await run.stop(), 0, run.text);
});

suite.test('with --wait-ready, a worker gets no requests before it is ready', DEADLINE, async (t, runtime) => {
  const args = ['--wait-ready', ...SOON];
  const run = supervise(t, runtime, { args, env: { MODE: 'prepares' } });
  const port = await run.port();
  const load = new Load('a connection each', port);
  t.after(() => load.stop());
  await load.answered(50);
  run.kill('SIGHUP');
  await run.said(/^\[crossfork\] reloaded$/);
  await load.answered(50);
  assert.deepStrictEqual(await load.stop(), []);
  assert.strictEqual(await run.stop(), 0, run.text);
});

suite.test('a replacement that hangs is killed, and another one is started', DEADLINE, async (t, runtime) => {
  const file = variables(t, '');
  const run = supervise(t, runtime, {
    args: ['--env-file', file.path, '--listen-timeout', '1'],
    env: { HANGS: file.path },
  });
  const port = await run.port();
  const [old] = await run.workers();
  file.write('hang');
  process.kill(old, 'SIGKILL');
  await run.said(
    /^\[crossfork\] worker \d \(pid \d+\) has not come up in [\d.]+m?s, and is killed: it does not listen$/,
  );
  file.write('');
  const [, , fresh] = await run.workers(3);
  const pids = new Set();
  for (let i = 0; i < 30 && pids.size < 2; i++) pids.add(Number((await get(port)).body));
  assert.ok(pids.has(fresh), run.text);
  assert.strictEqual(await run.stop(), 0, run.text);
});
suite.register();

describe('reloads', { concurrency: AT_ONCE, skip: withoutNode }, () => {
  test('a program that does not listen can be reloaded', DEADLINE, async (t) => {
    const args = [...SOON, '--signal-after', '0.2'];
    const run = supervise(t, someNode, { args, env: { MODE: 'silent' } });
    const old = await run.workers();
    run.kill('SIGHUP');
    await run.said(/^\[crossfork\] reloaded$/);
    for (const pid of old) await run.said(new RegExp(`\\(pid ${pid}\\) has ended`));
    assert.strictEqual(await run.stop(), 0, run.text);
  });

  for (const [how, options] of [
    ['--cwd', (link) => ({ args: ['--cwd', link, '--env-file', 'variables', ...SOON] })],
    [
      'the working directory of a shell',
      (link) => ({ args: ['--env-file', 'variables', ...SOON], wrapper: inFolder(link) }),
    ],
  ]) {
    test(`${how} through a symbolic link resolves to the new release after a reload`, DEADLINE, async (t) => {
      const folder = scratch(t);
      const link = join(folder, 'current');
      const deploy = (release) => {
        mkdirSync(join(folder, release));
        writeFileSync(join(folder, release, 'app.cjs'), readFileSync(app('plain')));
        writeFileSync(join(folder, release, 'variables'), `RELEASE=${release}`);
        rmSync(link, { force: true });
        symlinkSync(release, link);
      };
      deploy('first');
      const run = supervise(t, someNode, { app: './app.cjs', ...options(link) });
      const port = await run.port();
      const about = async () => {
        const { cwd, env } = JSON.parse((await get(port, '/about')).body);
        return [cwd, env.RELEASE, env.PWD];
      };
      const expected = (release) => [realpathSync(join(folder, release)), release, link];
      assert.deepStrictEqual(await about(), expected('first'));
      for (const [i, release] of ['second', 'third'].entries()) {
        deploy(release);
        run.kill('SIGHUP');
        await run.said(/^\[crossfork\] reloaded$/, i + 1);
        assert.deepStrictEqual(await about(), expected(release));
        rmSync(join(folder, 'first'), { recursive: true, force: true });
      }
      assert.strictEqual(await run.stop(), 0, run.text);
    });
  }

  test('--reload-batch: several workers are replaced at once', DEADLINE, async (t) => {
    const run = supervise(t, someNode, { args: ['-i', '4', '--reload-batch', '3', ...SOON] });
    await run.port(4);
    run.kill('SIGHUP');
    await run.said(/^\[crossfork\] reloaded$/);
    const port = await run.port(8);
    const fresh = (await run.workers(8)).slice(4);
    const pids = new Set();
    for (let i = 0; i < 30 && pids.size < 4; i++) pids.add(Number((await get(port)).body));
    assert.deepStrictEqual([...pids].sort(), fresh.sort());
    assert.strictEqual(await run.stop(), 0, run.text);
  });

  test('if the variables file cannot be read any more, the variables stay the same', DEADLINE, async (t) => {
    const file = variables(t, 'A=1');
    const run = supervise(t, someNode, { args: ['--env-file', file.path] });
    const port = await run.port();
    rmSync(file.path);
    run.kill('SIGHUP');
    await run.said(/^\[crossfork\] the variables stay as they were: .*: No such file or directory/);
    await run.said(/^\[crossfork\] reloaded$/);
    assert.strictEqual(JSON.parse((await get(port, '/about')).body).env.A, '1');
    assert.strictEqual(await run.stop(), 0, run.text);
  });

  test('a new worker that continues although it cannot listen fails the reload', DEADLINE, async (t) => {
    const occupied = net.createServer().listen(0, '127.0.0.1');
    t.after(() => occupied.close());
    await once(occupied, 'listening');
    const file = variables(t, '');
    // The reload does not wait so long for it.
    const args = ['--env-file', file.path, '--listen-timeout', '200'];
    const run = supervise(t, someNode, { args, env: { MODE: 'swallows' } });
    const port = await run.port();
    const old = await run.workers();
    file.write(`PORT=${occupied.address().port}`);
    run.kill('SIGHUP');
    await run.said(/^\[crossfork\] RELOAD FAILED: the new worker 0 \(pid \d+\) cannot listen\./);
    await run.said(/^\[crossfork\] worker 0 \(pid \d+\) has ended: SIGKILL$/);
    assert.ok(old.includes(Number((await get(port)).body)));
    assert.strictEqual(await run.stop(), 0, run.text);
    for (const pid of old) await run.said(new RegExp(`\\(pid ${pid}\\) has ended: exit code 0$`));
  });

  test('a port that the new program does not use is closed after a while', DEADLINE, async (t) => {
    const file = variables(t, '');
    const folder = scratch(t);
    const run = supervise(t, someNode, { args: ['--env-file', file.path, '--listen-timeout', '5'] });
    const port = await run.port();
    const path = join(folder, 'socket');
    file.write(`SOCKET=${path}`);
    run.kill('SIGHUP');
    await run.said(/^\[crossfork\] reloaded$/);
    assert.match((await get(path)).body, /^\d+$/);
    // Until then no worker accepts a connection, and closing the socket ends it.
    const failure = () => get(port).catch(({ code }) => code);
    await until(async () => (await failure()) === 'ECONNREFUSED', 'the port is closed');
    assert.strictEqual(await run.stop(), 0, run.text);
  });
});

/** Returns a wrapper that runs a command in a folder, as a shell does after `cd`. */
function inFolder(path) {
  return ['sh', '-c', 'cd "$0" && exec "$@"', path];
}
