// Runs examples/master.js as a user does, on every Node.
import assert from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { AT_ONCE } from '../cells.mjs';
import { Program } from '../program.mjs';
import { someNode, withoutNode } from '../runtimes/index.mjs';
import { children } from './children.mjs';
import { EveryNode } from './every-node.mjs';

const MASTER = join(import.meta.dirname, '../../examples/master.js');
const ABSENT = join(import.meta.dirname, 'absent');
const DEADLINE = { timeout: 240_000 };

const suite = new EveryNode();

for (const options of [['--once'], ['--once', '--advanced']]) {
  suite.test(
    `${options.join(' ')} sends twelve requests, prints which worker answered, and leaves no process running`,
    DEADLINE,
    async (t, runtime) => {
      const master = start(t, runtime, options);
      assert.strictEqual(await master.end(), 0, master.text);
      const output = master.text;
      const workers = pidsIn(output, /^worker (\d+): has the server$/gm);
      assert.strictEqual(new Set(workers).size, 2, output);
      const answers = pidsIn(output, /^request \d+: handled by child, pid is (\d+)$/gm);
      assert.strictEqual(answers.length, 12, output);
      for (const pid of answers) assert.ok(workers.includes(pid), output);
      for (const pid of workers) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
    },
  );
}

suite.test(`the master closes its listener, and the workers serve until Ctrl-C`, DEADLINE, async (t, runtime) => {
  const master = start(t, runtime);
  const [, port] = await master.line(/^master: http:\/\/127\.0\.0\.1:(\d+)\/ is served/m);
  assert.deepStrictEqual(listenersOf(master.pid, port), []);
  const response = await fetch(`http://127.0.0.1:${port}/`);
  assert.match(await response.text(), /^handled by child, pid is \d+\n$/);
  process.kill(-master.pid, 'SIGINT'); // a terminal sends it to the whole group
  assert.strictEqual(await master.end(), 0, master.text);
  for (const pid of pidsIn(master.text, /^worker (\d+): has/gm))
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
});
suite.register();

describe('examples/master.js', { concurrency: AT_ONCE, skip: withoutNode }, () => {
  test('LIFE-12: the workers of a killed master exit', DEADLINE, async (t) => {
    const master = start(t, someNode);
    await master.line(/is served/);
    master.kill('SIGKILL');
    await master.end(); // the workers share its stdout, so the output ends when they have exited
  });

  test('a port in use is reported in one line', DEADLINE, async (t) => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    const master = start(t, someNode, [], { PORT: port });
    assert.strictEqual(await master.end(), 1);
    server.close();
    assert.strictEqual(master.text, `Port ${port} is already in use: set PORT to another one.\n`);
  });

  test('an invalid port is reported in one line', DEADLINE, async (t) => {
    const master = start(t, someNode, [], { PORT: 'http' });
    assert.strictEqual(await master.end(), 1);
    assert.strictEqual(master.text, 'PORT must be a number from 0 to 65535.\n');
  });

  test('a worker that cannot be started is reported in one line', DEADLINE, async (t) => {
    const master = start(t, someNode, [], { CROSSFORK_BIN: ABSENT });
    assert.strictEqual(await master.end(), 1);
    assert.match(master.text, /^Cannot start \S*absent: .*ENOENT.*\n$/);
  });
});

function start(t, runtime, args = [], env = {}) {
  const master = spawn(runtime.bin, [MASTER, ...args], {
    env: { ...process.env, CROSSFORK_BIN: children[0].binary, PORT: 0, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // in its own process group, as in a terminal
  });
  const program = new Program(master);
  // While the output is open, a process of the group is still running.
  t.after(() => program.isOpen && process.kill(-master.pid, 'SIGKILL'));
  return program;
}

const pidsIn = (output, pattern) => [...output.matchAll(pattern)].map(([, pid]) => Number(pid));

/** Returns a process's descriptors that listen on a port of 127.0.0.1. */
function listenersOf(pid, port) {
  const local = `0100007F:${Number(port).toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((row) => row.trim().split(/\s+/));
  const inodes = rows.filter((row) => row[1] === local && row[3] === '0A').map((row) => `socket:[${row[9]}]`);
  assert.strictEqual(inodes.length, 1, 'one socket listens');
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => inodes.includes(readlinkSync(`/proc/${pid}/fd/${fd}`)));
}
