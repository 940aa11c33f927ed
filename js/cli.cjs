#!/usr/bin/env node
'use strict';

// `npx crossfork`: the command itself, with its streams, its signals and its exit code.

const { spawn } = require('node:child_process');
const { crossforkPath } = require('./binary.cjs');

const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGUSR2'];

const child = spawn(pathOrExit(), process.argv.slice(2), { stdio: 'inherit' });
// Ctrl-C reaches the child by itself; a signal that is sent to this process alone does not.
for (const signal of SIGNALS) process.on(signal, () => child.kill(signal));
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
