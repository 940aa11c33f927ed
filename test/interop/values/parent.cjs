'use strict';

// Gives each message back to the child, which compares: node parent.cjs <interop-values> <major version>.

const { fork } = require('node:child_process');

const [, , binary, major] = process.argv;
const child = fork(major, [], { execPath: binary, execArgv: [], serialization: 'advanced', stdio: 'inherit' });
child.on('message', (message) => child.send(message, () => {}));
child.on('exit', (code, signal) => {
  process.exitCode = code ?? 1;
  if (signal) console.error(`the child ended with ${signal}`);
});
