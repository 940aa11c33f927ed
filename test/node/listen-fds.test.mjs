// Socket activation, in a process that a shell starts with open descriptors, as systemd does.
import assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import './native.mjs';

const INDEX = createRequire(import.meta.url).resolve('../../js/index.cjs');

function activated(variables, program, complaint = /^$/) {
  const script = `exec 3</dev/null 4</; ${variables} exec "$0" -e "$1"`;
  const source = `const { describeFd, listenFds } = require(${JSON.stringify(INDEX)}); ${program}`;
  const { stdout, stderr } = spawnSync('sh', ['-c', script, process.execPath, source], { encoding: 'utf8' });
  assert.match(stderr, complaint);
  return JSON.parse(stdout);
}

test('listenFds: returns descriptors with their names, close-on-exec, once', () => {
  const found = activated(
    'LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:',
    `const all = listenFds();
     const kinds = all.map(({ fd }) => [describeFd(fd).kind, describeFd(fd).flags.cloexec]);
     console.log(JSON.stringify([all, kinds, process.env.LISTEN_FDS ?? 'gone', listenFds()]));`,
  );
  assert.deepStrictEqual(found, [
    [
      { name: 'web', fd: 3 },
      { name: 'unknown', fd: 4 },
    ],
    [
      ['device', true],
      ['directory', true],
    ],
    'gone',
    [],
  ]);
});

test('listenFds: returns none for another process, with a warning that names it, and none without variables', () => {
  const program = 'console.log(JSON.stringify([listenFds(), listenFds()]))';
  const warning =
    /^\(node:\d+\) \[CROSSFORK_LISTEN_PID\] Warning: LISTEN_FDS=2 is for process 1 \(\S+\), not .* npm [^\n]*\n/;
  assert.deepStrictEqual(activated('LISTEN_PID=1 LISTEN_FDS=2', program, warning), [[], []]);
  assert.deepStrictEqual(activated('LISTEN_PID=1 LISTEN_FDS=0', program), [[], []]);
  assert.deepStrictEqual(activated('LISTEN_PID=1', program), [[], []]);
  assert.deepStrictEqual(activated('', program), [[], []]);
});

test('listenFds: malformed variables are an error that names them', () => {
  const program = 'try { listenFds(); } catch ({ code, message }) { console.log(JSON.stringify([code, message])); }';
  const [none, words] = activated('LISTEN_PID=$$ LISTEN_FDS=many', program, /^/);
  assert.deepStrictEqual(
    [none, /^EINVAL: LISTEN_FDS=many and LISTEN_PID=\d+ must be numbers$/.test(words)],
    ['EINVAL', true],
  );
  assert.deepStrictEqual(activated('LISTEN_PID=$$ LISTEN_FDS=200', program), [
    'EBADF',
    'EBADF: LISTEN_FDS=200 names descriptors 3 to 202, but not all of them are open',
  ]);
});
