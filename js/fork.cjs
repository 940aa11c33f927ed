'use strict';

const { spawn } = require('node:child_process');
const { checkList, checkOptions, checkString, MAX_INT } = require('./checks.cjs');
const { coded, wrongType, wrongValue } = require('./errors.cjs');
const { findProgram } = require('./program.cjs');

/**
 * Starts a program with a channel, as child_process.fork starts a module. Returns the ChildProcess, which works as it
 * does for a Node child.
 */
function fork(binary, args, options) {
  if (args !== undefined && args !== null && !Array.isArray(args)) {
    if (typeof args !== 'object') throw wrongType('args', 'an instance of Array', args);
    return fork(binary, [], args);
  }
  const { execPath, execArgv, silent, stdio, ...rest } = checkOptions(options ?? undefined);
  if (execPath !== undefined) {
    throw wrongValue('options.execPath', execPath, 'is not supported: pass the program as the first argument');
  }
  if (rest.shell) throw wrongValue('options.shell', rest.shell, 'is not supported: the shell would get the channel');
  const program = findProgram(binary, rest.env ?? process.env);
  const all = [...strings(execArgv, 'options.execArgv'), ...strings(args, 'args')];
  return spawn(program, all, { ...rest, shell: false, stdio: withChannel(stdio, silent) });
}

function strings(list, name) {
  return checkList(list ?? [], name, MAX_INT).map((one, i) => checkString(one, `${name}[${i}]`));
}

function withChannel(stdio, silent) {
  if (typeof stdio === 'string') return [stdio, stdio, stdio, 'ipc'];
  if (!Array.isArray(stdio)) {
    const own = silent ? 'pipe' : 'inherit';
    return [own, own, own, 'ipc'];
  }
  if (!stdio.includes('ipc')) {
    throw coded(Error, 'ERR_CHILD_PROCESS_IPC_REQUIRED', "Forked processes must have an 'ipc' entry in options.stdio");
  }
  return stdio;
}

module.exports = { fork };
