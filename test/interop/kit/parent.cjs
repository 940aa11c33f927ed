'use strict';

// A parent in a process of its own, which can be stopped and killed.

const { spawn } = require('node:child_process');
const { readTo } = require('./peers.cjs');

/**
 * Runs `script` with `child`, a forked Rust child of the scenario's kind, in scope. The script prints the child's pid
 * when the scenario may go on.
 */
async function parentOf(t, script) {
  const options = { execPath: t.binary, execArgv: [], serialization: t.serialization };
  const fork = `const child = require('node:child_process')
    .fork(${JSON.stringify(t.kind)}, [], ${JSON.stringify(options)});`;
  const parent = spawn(process.execPath, [...evaluate(), fork + script], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => parent.kill('SIGKILL'));
  const pid = Number.parseInt(await readTo(parent.stdout, '\n'), 10);
  return { parent, pid };
}

const evaluate = () => (process.versions.deno ? ['eval', '--quiet', '--ext=cjs'] : ['-e']);

module.exports = { parentOf };
