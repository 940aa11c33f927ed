// `crossfork run`: exits of workers, signals and shutdown.
import assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { AT_ONCE } from '../cells.mjs';
import { get } from '../http.mjs';
import { someNode, withoutNode } from '../runtimes/index.mjs';
import { scratch } from '../scratch.mjs';
import { EveryNode } from './every-node.mjs';
import { supervise, until, within } from './supervised.mjs';

const DEADLINE = { timeout: 240_000 };

const suite = new EveryNode();

suite.test('a worker that crashes is replaced, while the others continue to serve', DEADLINE, async (t, runtime) => {
  const run = supervise(t, runtime);
  const port = await run.port();
  const crashed = get(port, '/crash');
  await assert.rejects(crashed, { code: 'ECONNRESET' });
  const [[, instance, pid]] = await run.said(/^\[crossfork\] worker (\d) \(pid (\d+)\) has ended: exit code 3$/);
  const [, , fresh] = await run.workers(3);
  await run.said(new RegExp(`^\\[crossfork\\] worker ${instance} \\(pid ${fresh}\\) listens$`));
  const pids = new Set();
  for (let i = 0; i < 30 && pids.size < 2; i++) pids.add(Number((await get(port)).body));
  assert.strictEqual(pids.size, 2);
  assert.ok(pids.has(fresh) && !pids.has(Number(pid)), run.text);
  assert.strictEqual(await run.stop(), 0, run.text);
});

suite.test(
  'CLU-10: a worker that disconnects after an error is replaced at once, and finishes its requests',
  DEADLINE,
  async (t, runtime) => {
    const run = supervise(t, runtime, { args: ['-i', '1'] });
    const port = await run.port(1);
    const [old] = await run.workers(1);
    const held = await hold(port);
    await get(port, '/throw');
    await run.said(/caught: a bug in the program$/);
    await run.said(new RegExp(`worker 0 \\(pid ${old}\\) leaves, and is replaced$`));
    const [, fresh] = await run.workers(2);
    assert.strictEqual(Number((await get(port)).body), fresh);
    process.kill(old, 'SIGUSR2');
    assert.deepStrictEqual(await held.response, { status: 200, body: `${old} and done` });
    await run.said(new RegExp(`\\(pid ${old}\\) has ended: exit code 1$`));
    assert.strictEqual(await run.stop(), 0, run.text);
  },
);

for (const balance of ['rr', 'shared']) {
  suite.test(`${balance}: clients wait while no worker is running`, DEADLINE, async (t, runtime) => {
    const gate = fifo(t);
    const run = supervise(t, runtime, { args: ['-i', '1', '--balance', balance], env: { GATE: gate.path } });
    await gate.open();
    const port = await run.port(1);
    const [old] = await run.workers(1);
    process.kill(old, 'SIGKILL');
    await run.said(/has ended: SIGKILL$/);
    const socket = net.connect(port, '127.0.0.1');
    t.after(() => socket.destroy());
    await within(once(socket, 'connect'), 'a connection that nobody serves yet');
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    await gate.open();
    let answer = '';
    for await (const data of socket) answer += data;
    const [, fresh] = await run.workers(2);
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
    assert.ok(answer.includes(`${fresh}`), answer);
    assert.strictEqual(await run.stop(), 0, run.text);
  });
}

for (const [signal, ...how] of [['SIGTERM'], ['SIGINT', 'to the whole process group']]) {
  suite.test(
    `CLU-18: ${[signal, ...how].join(' ')} lets requests finish and refuses new ones`,
    DEADLINE,
    async (t, runtime) => {
      // In its own process group, so that the test can signal the group as a terminal does.
      const run = supervise(t, runtime, { detached: true });
      const port = await run.port();
      const workers = await run.workers();
      const held = await hold(port);
      process.kill(signal === 'SIGINT' ? -run.child.pid : run.child.pid, signal);
      await run.said(new RegExp(`^\\[crossfork\\] ${signal}: stopping$`));
      await run.said(/has ended: exit code 0$/);
      await assert.rejects(get(port), { code: 'ECONNREFUSED' });
      const last = workers.find((pid) => !run.text.includes(`(pid ${pid}) has ended`));
      process.kill(last, 'SIGUSR2');
      assert.deepStrictEqual(await held.response, { status: 200, body: `${last} and done` });
      assert.strictEqual(await run.end(), 0, run.text);
    },
  );
}

suite.test('a second signal kills all workers at once', DEADLINE, async (t, runtime) => {
  const run = supervise(t, runtime, { env: { MODE: 'stubborn' } });
  const held = await hold(await run.port());
  run.kill('SIGTERM');
  await run.said(/SIGTERM: stopping$/);
  // A second signal that comes too soon counts as the first one.
  await until(() => {
    run.kill('SIGINT');
    return run.text.includes('has ended: SIGKILL');
  }, 'the second signal takes effect');
  assert.strictEqual(await run.end(), 130, run.text);
  await assert.rejects(held.response, { code: 'ECONNRESET' });
  await run.said(/has ended: SIGKILL$/);
});

suite.test(
  'several signals at once count as one, as when npx forwards a signal that the terminal also sent',
  DEADLINE,
  async (t, runtime) => {
    const run = supervise(t, runtime, { args: ['-i', '1'] });
    const held = await hold(await run.port(1));
    const [worker] = await run.workers(1);
    for (const signal of ['SIGSTOP', 'SIGINT', 'SIGTERM', 'SIGCONT']) run.kill(signal);
    await run.said(/: stopping$/);
    process.kill(worker, 'SIGUSR2');
    assert.deepStrictEqual(await held.response, { status: 200, body: `${worker} and done` });
    assert.strictEqual(await run.end(), 0, run.text);
  },
);

suite.test('a worker whose request takes too long is killed after the timeout', DEADLINE, async (t, runtime) => {
  const run = supervise(t, runtime, { args: ['--kill-timeout', '0.5'] });
  const held = await hold(await run.port());
  assert.strictEqual(await run.stop(), 124, run.text);
  await assert.rejects(held.response, { code: 'ECONNRESET' });
  await run.said(/has not ended: sending SIGTERM, then SIGKILL$/);
});

suite.test(
  'a worker that only a timer keeps alive gets SIGTERM after its last request',
  DEADLINE,
  async (t, runtime) => {
    const run = supervise(t, runtime, { args: ['--signal-after', '1'], env: { MODE: 'timer' } });
    await run.port();
    assert.strictEqual(await run.stop(), 0, run.text);
    await run.said(/has ended: SIGTERM$/, 2);
  },
);

suite.test('a worker that ignores SIGTERM is killed after the timeout', DEADLINE, async (t, runtime) => {
  const run = supervise(t, runtime, { env: { MODE: 'stubborn' }, args: ['--kill-timeout', '2'] });
  await run.port();
  assert.strictEqual(await run.stop(), 124, run.text);
  await run.said(/SIGTERM is ignored$/, 2);
  await run.said(/has ended: SIGKILL$/, 2);
});

suite.test('SIGUSR2 is forwarded, and SIGUSR1 is not', DEADLINE, async (t, runtime) => {
  const run = supervise(t, runtime);
  const held = await hold(await run.port());
  run.kill('SIGUSR1');
  await run.said(/^\[crossfork\] SIGUSR1 is ignored: /);
  run.kill('SIGUSR2');
  await run.said(/^\[crossfork\] SIGUSR2 was passed on to 2 workers$/);
  assert.match((await held.response).body, / and done$/);
  assert.ok(!run.text.includes('Debugger'), run.text);
  assert.strictEqual(await run.stop('SIGQUIT'), 0, run.text);
  await run.said(/^\[crossfork\] SIGQUIT: stopping$/);
});

suite.test('SIGUSR2 does not kill workers without a handler for it', DEADLINE, async (t, runtime) => {
  const run = supervise(t, runtime, { app: 'udp', args: ['-i', '1'] });
  await run.workers(1);
  run.kill('SIGUSR2');
  await run.said(/^\[crossfork\] SIGUSR2 is ignored: no worker has a handler for it$/);
  assert.strictEqual(await run.stop(), 0, run.text);
  assert.strictEqual((await run.workers(1)).length, 1, run.text);
});

suite.test('SIGHUP stays ignored if it was ignored at the start, as after nohup', DEADLINE, async (t, runtime) => {
  const run = supervise(t, runtime, { args: ['-i', '1'], wrapper: ['sh', '-c', 'trap "" HUP; exec "$@"', 'sh'] });
  await run.port(1);
  run.kill('SIGHUP');
  run.kill('SIGUSR1');
  await run.said(/^\[crossfork\] SIGUSR1 is ignored: /);
  assert.strictEqual(await run.stop(), 0, run.text);
  assert.ok(!run.text.includes('reload'), run.text);
});

suite.test('a single worker gets the standard input', DEADLINE, async (t, runtime) => {
  const wrapper = ['sh', '-c', 'echo hello | exec "$@"', 'sh'];
  for (const [args, read] of [
    [['-i', '1'], 'read: hello'],
    [['-i', '2'], 'read: '],
  ]) {
    const run = supervise(t, runtime, { args, wrapper, env: { MODE: 'reads' } });
    await run.said(new RegExp(`^\\[0 \\d+\\] ${read}$`));
    const [[, pid]] = await run.said(/supervisor (\d+)$/);
    process.kill(pid, 'SIGTERM');
    assert.strictEqual(await run.end(), 0, run.text);
  }
});

const noTerminal = spawnSync('script', ['--version']).error && 'script(1), which creates terminals, is not installed';
suite.test('it exits when its terminal closes', { ...DEADLINE, skip: () => noTerminal }, async (t, runtime) => {
  const run = supervise(t, runtime, { wrapper: [fileURLToPath(new URL('terminal.sh', import.meta.url))] });
  const port = await run.port();
  assert.strictEqual(await run.stop('SIGKILL'), 'SIGKILL', 'the terminal is closed');
  const serves = () =>
    get(port).then(
      () => true,
      (error) => error.code !== 'ECONNREFUSED',
    );
  await until(async () => !(await serves()), 'it has stopped serving');
});

suite.test(
  'in a terminal, output has colours, and a single worker reads the typed input',
  { ...DEADLINE, skip: () => noTerminal },
  async (t, runtime) => {
    const terminal = (args, env) => {
      const stdin = ['sh', '-c', 'echo hello | exec "$@"', 'sh'];
      const wrapper = [...stdin, fileURLToPath(new URL('terminal.sh', import.meta.url))];
      return supervise(t, runtime, { args: ['-i', '1', ...args], wrapper, env: { MODE: 'reads', ...env } });
    };
    for (const [args, env, color] of [
      [[], { TERM: 'xterm-256color', COLORTERM: '' }, '2'],
      [[], { NO_COLOR: '1' }, 'none'],
      [['--log', 'json'], {}, 'none'],
    ]) {
      const run = terminal(args, { NO_COLOR: '', ...env });
      await run.said(/read: hello/);
      await run.said(new RegExp(`colors: ${color}`));
      const [[, pid]] = await run.said(/supervisor (\d+)/);
      process.kill(pid, 'SIGTERM');
      await run.end();
    }
  },
);

suite.test('CLU-19: if the supervisor is killed, its workers exit', DEADLINE, async (t, runtime) => {
  const run = supervise(t, runtime);
  await run.port();
  assert.strictEqual(await run.stop('SIGKILL'), 'SIGKILL');
  // The outputs were closed, so all processes that shared them have exited.
});
suite.register();

describe('crash loops', { concurrency: AT_ONCE, skip: withoutNode }, () => {
  test('a program that does not start is restarted with back-off', DEADLINE, async (t) => {
    const run = supervise(t, someNode, { args: ['-i', '1', '--start-attempts', '0'], env: { MODE: 'fails' } });
    for (const pause of ['100ms', '200ms', '400ms', '800ms']) {
      await run.said(new RegExp(`^\\[crossfork\\] instance 0 is started again in ${pause}$`));
    }
    assert.strictEqual((await run.said(/it cannot start$/)).length, 1, run.text);
    assert.strictEqual(await run.stop(), 0, run.text);
    await run.said(/^\[crossfork\] \d more workers wrote the same to standard error$/);
  });

  test('it gives up on a program that never starts, and prints each reason once', DEADLINE, async (t) => {
    const run = supervise(t, someNode, { args: ['-i', '4'], env: { MODE: 'fails' } });
    assert.strictEqual(await run.end(), 3, run.text);
    const last = '[crossfork] giving up: no worker has come up, and each instance was tried 5 times';
    assert.strictEqual(run.lines.at(-1).text, last, run.text);
    assert.strictEqual((await run.said(/it cannot start$/)).length, 1, run.text);
    assert.strictEqual((await run.said(/has ended: exit code 1$/)).length, 1, run.text);
    await run.said(/^\[crossfork\] \d+ more workers wrote the same to standard error$/);
  });

  test('what workers have written before one is up is passed on once one is up', DEADLINE, async (t) => {
    const run = supervise(t, someNode, { args: ['-i', '3'], env: { MODE: 'swallows' } });
    const written = await run.said(/^\[\d \d+\] about to listen in (\d+)$/, 3);
    assert.strictEqual(new Set(written.map(([, pid]) => pid)).size, 3, run.text);
    assert.strictEqual(await run.stop(), 0, run.text);
    assert.ok(!run.text.includes('wrote the same'), run.text);
  });

  test('workers that end after listening, and served nobody, are not restarted without pauses', DEADLINE, async (t) => {
    const run = supervise(t, someNode, { args: ['-i', '2'], env: { MODE: 'ends' } });
    await run.said(/^\[crossfork\] instance 0 is started again in 800ms$/);
    await run.said(/^\[crossfork\] instance 1 is started again in 800ms$/);
    await run.stop();
  });

  test('a program that continues although it cannot listen is a failed start', DEADLINE, async (t) => {
    const occupied = net.createServer().listen(0, '127.0.0.1');
    t.after(() => occupied.close());
    await once(occupied, 'listening');
    const PORT = `${occupied.address().port}`;
    const run = supervise(t, someNode, { args: ['--start-attempts', '2'], env: { MODE: 'swallows', PORT } });
    assert.strictEqual(await run.end(), 3, run.text);
    const reason = `127\\.0\\.0\\.1:${PORT}: the address is in use \\(EADDRINUSE\\)`;
    await run.said(new RegExp(`^\\[crossfork\\] worker \\d \\(pid \\d+\\) cannot listen on ${reason}$`));
  });

  test('it gives up on a folder without a program', DEADLINE, async (t) => {
    const folder = scratch(t);
    const run = supervise(t, someNode, { app: folder, args: ['-i', '1', '--start-attempts', '2'] });
    assert.strictEqual(await run.end(), 3, run.text);
    await run.said(/^\[0 \d+\] .*Cannot find module/);
  });

  test(
    'repeated requests that crash their worker do not slow down restarts or fail other requests',
    DEADLINE,
    async (t) => {
      const run = supervise(t, someNode, { args: ['-i', '3'] });
      const port = await run.port(3);
      for (let round = 1; round <= 6; round++) {
        await assert.rejects(get(port, '/crash'), { code: 'ECONNRESET' });
        await run.said(/has ended: exit code 3$/, round);
        assert.strictEqual((await get(port)).status, 200);
        // All workers are running again.
        await run.workers(3 + round);
      }
      assert.ok(!run.text.includes('is started again in'), run.text);
      assert.strictEqual(await run.stop(), 0, run.text);
    },
  );

  test('workers that exit as soon as they are up do not harm those that serve', DEADLINE, async (t) => {
    const run = supervise(t, someNode, { args: ['-i', '3'], env: { MODE: 'leaves' } });
    const [[, server]] = await run.said(/^\[crossfork\] worker 0 \(pid (\d+)\) listens$/);
    await run.said(/leaves, and is replaced$/, 6);
    const port = Number((await run.said(/port (\d+)$/))[0][1]);
    for (let i = 0; i < 3; i++) assert.strictEqual((await get(port)).body, server);
    assert.strictEqual(await run.stop(), 0, run.text);
  });
});

/** Sends a request that is in flight until its worker gets SIGUSR2. */
async function hold(port) {
  let begins;
  const begun = new Promise((resolve) => {
    begins = resolve;
  });
  const response = get(port, '/hold', { onData: begins });
  response.catch(() => {}); // checked later
  await within(Promise.race([begun, response]), 'a request to begin');
  return { response };
}

/** Creates a pipe that lets one program start each time it is opened. */
function fifo(t) {
  const folder = scratch(t);
  const path = join(folder, 'gate');
  assert.strictEqual(spawnSync('mkfifo', [path]).status, 0);
  return {
    path,
    async open() {
      const pipe = createWriteStream(path);
      await within(once(pipe, 'open'), 'a program that waits to start');
      pipe.end();
      await once(pipe, 'close');
    },
  };
}
