// `crossfork run`: its options, its output, and where it runs.
import assert from 'node:assert';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { basename, join } from 'node:path';
import { describe, test } from 'node:test';
import { AT_ONCE } from '../cells.mjs';
import { get } from '../http.mjs';
import { someNode as runtime, withoutNode } from '../runtimes/index.mjs';
import { scratch } from '../scratch.mjs';
import { app } from './apps/index.mjs';
import { crossfork, supervise, until, within } from './supervised.mjs';

/** A path that does not exist: no one else creates files in this folder. */
const ABSENT = join(import.meta.dirname, 'absent');
const DEADLINE = { timeout: 240_000 };

describe('options', { concurrency: AT_ONCE, skip: withoutNode }, () => {
  test('each worker knows its instance number, and a restarted worker gets the same number', DEADLINE, async (t) => {
    const run = supervise(t, runtime, { args: ['-i', '3'] });
    const port = await run.port(3);
    const instances = async () => {
      const found = new Set();
      for (let i = 0; i < 30 && found.size < 3; i++) found.add(JSON.parse((await get(port, '/about')).body).instance);
      return [...found].sort();
    };
    assert.deepStrictEqual(await instances(), ['0', '1', '2']);
    await assert.rejects(get(port, '/crash'));
    await run.workers(4);
    assert.deepStrictEqual(await instances(), ['0', '1', '2']);
    assert.strictEqual(await run.stop(), 0, run.text);
  });

  test('-i max and -i -1 depend on the processors that the process may use', DEADLINE, async (t) => {
    const one = supervise(t, runtime, { args: ['-i', 'max'], wrapper: ['taskset', '-c', '0'] });
    await one.port(1);
    assert.strictEqual(await one.stop(), 0, one.text);
    assert.strictEqual((await one.workers(1)).length, 1, one.text);
    const least = supervise(t, runtime, { args: ['-i', '-1'], wrapper: ['taskset', '-c', '0'] });
    await least.port(1);
    assert.strictEqual(await least.stop(), 0, least.text);
    assert.strictEqual((await least.workers(1)).length, 1, least.text);
  });

  test('arguments, arguments for node, a working directory and variables reach the worker', DEADLINE, async (t) => {
    const folder = scratch(t);
    writeFileSync(join(folder, 'app.js'), readFileSync(app('plain')));
    writeFileSync(join(folder, 'variables'), 'OF_FILE="in the file"\nOF_BOTH=file\nNODE_APP_INSTANCE=99\n');
    const run = supervise(t, runtime, {
      app: './app.js',
      appArgs: ['--port', '8080', '-i', ''],
      args: [
        ...['-i', '1', '--cwd', folder, '--env-file', 'variables'],
        ...['--node-args', '--max-http-header-size=9999 --no-warnings', '--node-args=--stack-trace-limit=5'],
      ],
      env: { OF_BOTH: 'environment', NODE_CHANNEL_FD: '1', NODE_UNIQUE_ID: '7' },
    });
    const about = JSON.parse((await get(await run.port(1), '/about')).body);
    assert.deepStrictEqual(about.argv.slice(2), ['--port', '8080', '-i', '']);
    assert.strictEqual(realpathSync(about.argv[1]), join(realpathSync(folder), 'app.js'));
    assert.deepStrictEqual(about.execArgv, ['--max-http-header-size=9999', '--no-warnings', '--stack-trace-limit=5']);
    assert.strictEqual(about.cwd, realpathSync(folder));
    const { OF_FILE, OF_BOTH, NODE_CHANNEL_FD, NODE_UNIQUE_ID } = about.env;
    assert.deepStrictEqual([OF_FILE, OF_BOTH], ['in the file', 'environment']);
    assert.deepStrictEqual([NODE_CHANNEL_FD, NODE_UNIQUE_ID], [undefined, undefined]);
    assert.strictEqual(about.instance, '0');
    assert.strictEqual(await run.stop(), 0, run.text);
  });

  test('--env-file is parsed as by node --env-file', DEADLINE, async (t) => {
    const folder = scratch(t);
    const text = [
      ...['XF_A=two words # more', '# XF_B=1', 'XF_C=p$XF_A', 'XF_D="one', 'two\\n#"', "XF_E='x\\ny'", "XF_F=`it's`"],
      ...[
        'export XF_G=g=h',
        ' XF_H = spaced ',
        'XF_I=',
        'XF_J=a#b',
        'XF_K="$XF_A"',
        'XF_L=\\n',
        'XF_M="crlf"\r',
        "XF_N=it's",
        '',
      ],
    ].join('\n');
    const file = join(folder, 'variables');
    writeFileSync(file, text);
    const ours = (env) => Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('XF_')));
    const print = 'console.log(JSON.stringify(process.env))';
    const { stdout } = spawnSync(process.execPath, [`--env-file=${file}`, '-e', print], { encoding: 'utf8' });
    const run = supervise(t, runtime, { args: ['-i', '1', '--env-file', file] });
    const { env } = JSON.parse((await get(await run.port(1), '/about')).body);
    assert.deepStrictEqual(ours(env), ours(JSON.parse(stdout)));
    assert.strictEqual(Object.keys(ours(env)).length, 13);
    assert.strictEqual(await run.stop(), 0, run.text);
  });

  test('--log formatted: each line begins with the instance and the PID', DEADLINE, async (t) => {
    const run = supervise(t, runtime, { args: ['-i', '1'] });
    await get(await run.port(1), '/print');
    const [pid] = await run.workers(1);
    await run.said(/to stdout$/);
    await run.said(/to stderr$/);
    assert.deepStrictEqual(printed(run), [
      { stream: 'stderr', text: `[0 ${pid}] to stderr` },
      { stream: 'stdout', text: `[0 ${pid}] to stdout` },
    ]);
    assert.strictEqual(await run.stop(), 0, run.text);
  });

  test('--log raw: lines are not changed', DEADLINE, async (t) => {
    const run = supervise(t, runtime, { args: ['-i', '1', '--log', 'raw'] });
    const [[, port]] = await run.said(/^port (\d+)$/);
    await get(Number(port), '/print');
    await run.said(/^to stdout$/);
    await run.said(/^to stderr$/);
    assert.deepStrictEqual(printed(run), [
      { stream: 'stderr', text: 'to stderr' },
      { stream: 'stdout', text: 'to stdout' },
    ]);
    assert.strictEqual(await run.stop(), 0, run.text);
  });

  test('--log json: each line is an object, also those of crossfork', DEADLINE, async (t) => {
    const run = supervise(t, runtime, { args: ['-i', '1', '--log', 'json'] });
    const [[, port]] = await run.said(/"text":"port (\d+)"/);
    await get(Number(port), '/print');
    await run.said(/"to stdout"/);
    await run.said(/"to stderr"/);
    assert.strictEqual(await run.stop(), 0, run.text);
    const lines = run.lines.map(({ stream, text }) => ({ ...JSON.parse(text), to: stream }));
    for (const { time } of lines) assert.ok(Math.abs(Date.now() - time) < 120_000);
    const { pid } = lines.find(({ text }) => text === 'to stdout');
    const plain = lines.map(({ time, ...rest }) => rest);
    for (const stream of ['stdout', 'stderr']) {
      const expected = { instance: 0, pid, stream, text: `to ${stream}`, to: stream };
      assert.deepStrictEqual(
        plain.find(({ text }) => text === `to ${stream}`),
        expected,
      );
    }
    const ours = plain.filter(({ stream }) => stream === 'crossfork').map(({ stream, ...rest }) => rest);
    const program = app('plain');
    const address = `127.0.0.1:${port}`;
    const manager = run.child.pid;
    const version = spawnSync(crossfork, ['--version'], { encoding: 'utf8' }).stdout.trim().split(' ').at(-1);
    const worker = { instance: 0, pid, to: 'stderr' };
    assert.deepStrictEqual(ours, [
      {
        ...{ event: 'started', version, pid: manager, program, workers: 1, to: 'stderr' },
        text: `crossfork ${version} (pid ${manager}) starts ${program} with 1 worker`,
      },
      { event: 'listening', address, text: `listening on ${address}`, to: 'stderr' },
      { event: 'worker_up', ...worker, listens: true, text: `worker 0 (pid ${pid}) listens` },
      { event: 'stopping', signal: 'SIGTERM', text: 'SIGTERM: stopping', to: 'stderr' },
      { event: 'worker_ended', ...worker, code: 0, text: `worker 0 (pid ${pid}) has ended: exit code 0` },
    ]);
  });

  test('--quiet and --log-time: only problems are reported, with the time', DEADLINE, async (t) => {
    const run = supervise(t, runtime, { args: ['-i', '1', '--quiet', '--log-time'] });
    const [[, port]] = await run.said(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \[0 \d+\] port (\d+)$/);
    await assert.rejects(get(Number(port), '/crash'));
    await run.said(/Z \[crossfork\] worker 0 \(pid \d+\) has ended: exit code 3$/);
    await run.said(/port \d+$/, 2);
    assert.strictEqual(await run.stop(), 0, run.text);
    assert.strictEqual(run.text.match(/crossfork/g).length, 1, run.text);
  });

  test('--inspect gives each worker its own port, even during a reload', DEADLINE, async (t) => {
    const run = supervise(t, runtime, { args: ['--node-args', `--inspect=127.0.0.1:${await freePorts(6)}`] });
    const port = await run.port();
    run.kill('SIGHUP');
    await run.said(/^\[crossfork\] reloaded$/);
    const listening = await run.said(/Debugger listening on ws:\/\/127\.0\.0\.1:(\d+)\//, 4);
    assert.strictEqual(new Set(listening.map(([, port]) => port)).size, 4, run.text);
    const workers = (await run.workers(4)).slice(2);
    assert.ok(workers.includes(Number((await get(port)).body)));
    assert.strictEqual(await run.stop(), 0, run.text);
  });

  test('a worker continues if its output is not read', DEADLINE, async (t) => {
    const child = spawn(crossfork, ['run', '--node', runtime.bin, '-i', '1', '--log', 'raw', app('plain')], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    t.after(() => child.kill('SIGKILL'));
    child.stdout.setEncoding('utf8');
    const [first] = await within(once(child.stdout, 'data'), 'the port');
    child.stdout.pause();
    const port = Number(/^port (\d+)$/m.exec(first)[1]);
    assert.strictEqual((await within(get(port, '/flood'), 'a worker that writes 10 MB')).body, 'all written');
    assert.match((await get(port)).body, /^\d+$/);
    let text = '';
    child.stdout.on('data', (data) => {
      text += data;
    });
    child.stdout.resume();
    child.kill('SIGTERM');
    await within(once(child, 'close'), 'the end');
    assert.strictEqual(child.exitCode, 0);
    assert.ok(text.length > 1_000_000, `${text.length}: some output is kept`);
    assert.ok(text.length < 9_000_000, `${text.length}: not all output can be kept`);
    assert.match(text, /^\[crossfork\] \d+ lines of output were lost here, for they could not be written in time$/m);
  });
});

describe('the draining file', { concurrency: AT_ONCE, skip: withoutNode }, () => {
  test('managers that are killed leave one file, however many there were', DEADLINE, async (t) => {
    const TMPDIR = scratch(t);
    for (let round = 0; round < 2; round++) {
      const run = supervise(t, runtime, { args: ['-i', '1'], env: { TMPDIR } });
      await run.port(1);
      run.kill('SIGKILL');
      assert.strictEqual(await run.end(), 'SIGKILL');
    }
    const folder = `crossfork-${process.getuid()}`;
    assert.deepStrictEqual(readdirSync(TMPDIR), [folder]);
    assert.match(readdirSync(join(TMPDIR, folder)).join(), /^drain-[0-9a-f]{16}\.cjs$/);
  });

  test('without room for it, workers start and are told to end by a signal', DEADLINE, async (t) => {
    // No file may become longer than nothing, and that is an error.
    const wrapper = ['sh', '-c', 'trap "" XFSZ; ulimit -f 0; exec "$@"', 'sh'];
    const run = supervise(t, runtime, { wrapper });
    const port = await run.port();
    await assert.rejects(get(port, '/crash'));
    await run.workers(3);
    assert.strictEqual((await get(port)).status, 200);
    const said = await run.said(
      /^\[crossfork\] cannot write the file that drains workers \(.*\): they start without it/,
    );
    assert.strictEqual(said.length, 1, run.text);
    assert.strictEqual(await run.stop(), 0, run.text);
  });
});

describe('a wrong command line', () => {
  const runs = (...args) => {
    const { status, stderr } = spawnSync(crossfork, ['run', ...args], { encoding: 'utf8', timeout: 240_000 });
    return { status, stderr };
  };
  for (const [args, message] of [
    [[join(ABSENT, 'app.js')], /^crossfork run: \S*absent\/app\.js: No such file or directory/],
    [['-i', '0', app('plain')], /neither a number from 1 to 1024, nor max, nor -1/],
    [['--balance', 'fair', app('plain')], /neither rr nor shared/],
    [['--log', 'xml', app('plain')], /none of raw, formatted and json/],
    [['--cwd', ABSENT, app('plain')], /^crossfork run: \S*absent: No such file or directory/],
    [['--env-file', join(ABSENT, 'env'), app('plain')], /^crossfork run: \S*absent\/env: /],
    [['--kill-timeout', 'soon', app('plain')], /not a number of seconds/],
    [['--hang-timeout', '0.5', app('plain')], /neither 0 nor at least 1 second/],
    [['npm', '--', 'start'], /^crossfork run: npm: this is a package manager, not a program: give the file/],
    [[join(import.meta.dirname, 'terminal.sh')], /terminal\.sh: this is a script for sh, which Node cannot run: /],
    [[], /<APP>/],
  ]) {
    test(`is an error with the reason: ${args
      .slice(0, 2)
      .map((arg) => basename(arg))
      .join(' ')}`, () => {
      const { status, stderr } = runs(...args);
      assert.strictEqual(status, 2, stderr);
      assert.match(stderr, message);
    });
  }

  test('without a node executable nothing is started, and it is reported once', () => {
    const { status, stderr } = runs('--node', ABSENT, app('plain'));
    assert.strictEqual(status, 1, stderr);
    assert.match(stderr, /^\[crossfork\] instance 0 cannot be started: .*absent/m);
    assert.ok(!stderr.includes('instance 1'), stderr);
  });

  test('--help lists the exit codes', () => {
    const { stdout } = spawnSync(crossfork, ['run', '--help'], { encoding: 'utf8' });
    assert.match(stdout, /124 +stopped, and some worker was ended by a signal/);
  });
});

describe('orphans', { concurrency: AT_ONCE, skip: withoutNode }, () => {
  const canUnshare = spawnSync('unshare', ['--pid', '--fork', 'true']).status === 0;
  const skip = !canUnshare && 'PID namespaces cannot be created here';
  test('as PID 1 it reaps orphans, and handles signals', { ...DEADLINE, skip }, async (t) => {
    const wrapper = ['unshare', '--pid', '--fork', '--kill-child'];
    const run = supervise(t, runtime, { args: ['-i', '1'], wrapper });
    const port = await run.port(1);
    const [supervisor] = children(run.child.pid);
    assert.deepStrictEqual(numbersOf(supervisor), [supervisor, 1]);
    const inside = Number((await get(port, '/orphan')).body);
    const orphan = children(supervisor).find((pid) => numbersOf(pid)?.[1] === inside);
    assert.ok(orphan, 'the orphan is not a child of PID 1');
    process.kill(orphan, 'SIGKILL');
    await until(() => !existsSync(`/proc/${orphan}`), 'the orphan is reaped');
    // Reaping orphans does not lose the exit of a worker.
    await assert.rejects(get(port, '/crash'));
    await run.said(/has ended: exit code 3$/);
    await run.port(2);
    process.kill(supervisor, 'SIGTERM');
    assert.strictEqual(await run.end(), 0, run.text);
  });

  const python = spawnSync('python3', ['-c', 'import ctypes']).status === 0;
  const noPython = !python && 'Python, which the test uses to set the subreaper flag, is not installed';
  test('as a subreaper it reaps orphans', { ...DEADLINE, skip: noPython }, async (t) => {
    const program = 'import ctypes, os, sys; ctypes.CDLL(None).prctl(36, 1); os.execv(sys.argv[1], sys.argv[1:])';
    const run = supervise(t, runtime, { args: ['-i', '1'], wrapper: ['python3', '-c', program] });
    const orphan = Number((await get(await run.port(1), '/orphan')).body);
    assert.ok(children(run.child.pid).includes(orphan));
    process.kill(orphan, 'SIGKILL');
    await until(() => !existsSync(`/proc/${orphan}`), 'the orphan is reaped');
    assert.strictEqual(await run.stop(), 0, run.text);
  });
});

test('a binary that is itself a worker is started instead of Node', {
  ...DEADLINE,
  skip: withoutNode,
}, async (t) => {
  // Node with a script as its argument is such a binary.
  const run = supervise(t, runtime, { app: runtime.bin, appArgs: [app('plain'), 'an argument'] });
  const about = JSON.parse((await get(await run.port(), '/about')).body);
  assert.deepStrictEqual(about.argv.slice(1), [app('plain'), 'an argument']);
  assert.strictEqual(await run.stop(), 0, run.text);
});

test('a Rust worker is run, reloaded and stopped like a Node program', {
  ...DEADLINE,
  skip: withoutNode,
}, async (t) => {
  const path = join(scratch(t), 'socket');
  const run = supervise(t, runtime, { app: crossfork, appArgs: ['worker', '--listen', `unix:${path}`] });
  const served = async (workers) => {
    const pids = new Set();
    for (let i = 0; i < 4; i++) pids.add(Number(/pid is (\d+)/.exec((await get(path)).body)[1]));
    assert.deepStrictEqual([...pids].sort(), workers.sort());
  };
  const old = await run.workers();
  await served(old);
  run.kill('SIGHUP');
  for (const pid of old) await run.said(new RegExp(`\\(pid ${pid}\\) has ended: exit code 0$`));
  await served((await run.workers(4)).slice(2));
  assert.strictEqual(await run.stop(), 0, run.text);
  assert.ok(!existsSync(path));
});

/** The first of so many ports in a row that are free, below those that the system gives to connections. */
async function freePorts(count) {
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 10_000);
    const ports = Array.from({ length: count }, (_, i) => first + i);
    const areFree = await Promise.all(ports.map(isFree));
    if (areFree.every(Boolean)) return first;
  }
}

async function isFree(port) {
  const server = net.createServer().listen(port, '127.0.0.1');
  const free = await once(server, 'listening').then(
    () => true,
    () => false,
  );
  server.close();
  return free;
}

/** Returns the lines that the route /print has printed, in a fixed order. */
function printed(run) {
  return run.lines.filter(({ text }) => /to std(?:out|err)$/.test(text)).sort((a, b) => (a.stream < b.stream ? -1 : 1));
}

function children(pid) {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}

/** Returns a process's PIDs in all of its namespaces, this namespace first. */
function numbersOf(pid) {
  const [, numbers] = /^NSpid:\s(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return numbers.split(/\s+/).map(Number);
}
