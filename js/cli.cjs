#!/usr/bin/env node
'use strict';

// `npx crossfork`: runs the command, and passes on its streams, signals and exit code.

const { spawn } = require('node:child_process');
const { crossforkPath } = require('./binary.cjs');

const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGUSR2'];

const child = spawn(pathOrExit(), process.argv.slice(2), { stdio: 'inherit' });
// The terminal sends Ctrl-C to the child too, but a signal that is sent only to this process must be forwarded.
for (const signal of SIGNALS) process.on(signal, () => child.kill(signal));
// npm and npx run this in a shell. SIGTERM to them ends the shell, and would leave the command running without them.
if (process.env.npm_lifecycle_event !== undefined) {
  const shell = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === shell) return;
    clearInterval(watch);
    child.kill('SIGTERM');
  }, 100);
  watch.unref();
}
child.on('error', (error) => {
  console.error(error.message);
  process.exitCode = 1;
});
child.on('exit', (code, signal) => {
  for (const each of SIGNALS) process.removeAllListeners(each);
  if (signal) process.kill(process.pid, signal);
  else process.exitCode = code;
});

function pathOrExit() {
  try {
    return crossforkPath();
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
