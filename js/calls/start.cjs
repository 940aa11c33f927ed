'use strict';

// What a pool runs, and how it is started.

const childProcess = require('node:child_process');
const { existsSync, statSync } = require('node:fs');
const { resolve } = require('node:path');
const { fileURLToPath } = require('node:url');
const { checkList, checkOptions, checkString, checkWord, MAX_INT } = require('../checks.cjs');
const { coded, wrongValue } = require('../errors.cjs');
const { fork } = require('../fork.cjs');
const { findProgram, isUrl, problemOf, SCRIPT } = require('../program.cjs');
const { isNode } = require('./connection.cjs');
const { process } = require('./globals.cjs');

const KINDS = ['script', 'program'];

/** What can't be passed on, for the pool decides it. */
const NOT_FOR_USERS = ['signal', 'timeout', 'detached'];

/**
 * @param {string | URL} file
 * @param {{ exec?: 'script' | 'program', args?: string[], fork?: object }} options
 * @returns {(env: Record<string, string>) => import('node:child_process').ChildProcess} starts one worker
 */
function starter(file, { exec, args = [], fork: options }) {
  if (exec !== undefined) checkWord(exec, 'options.exec', KINDS);
  const list = checkList(args, 'options.args', MAX_INT).map((one, i) => checkString(one, `options.args[${i}]`));
  const { env = process.env, ...rest } = { __proto__: null, ...checkForkOptions(options) };
  const all = {
    __proto__: null,
    serialization: isNode ? 'advanced' : 'json',
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    ...rest,
  };
  const path = pathOf(file);
  if ((exec ?? kindOf(path)) === 'program') {
    findProgram(path, env);
    return (more) => fork(path, list, { ...all, env: { ...env, ...more } });
  }
  const script = resolve(path);
  if (!existsSync(script)) {
    throw Object.assign(coded(Error, 'ENOENT', `Cannot fork '${script}': there is no such file`), { path: script });
  }
  return (more) => childProcess.fork(script, list, { ...all, env: { ...env, ...more } });
}

/** Of a path, of a URL, or of the text of one, as `import.meta.resolve` gives it. */
function pathOf(file) {
  if (isUrl(file)) return fileURLToPath(file.href);
  const path = checkString(file, 'file');
  return path.startsWith('file://') ? fileURLToPath(path) : path;
}

function checkForkOptions(options) {
  const checked = checkOptions(options, 'options.fork');
  for (const name of NOT_FOR_USERS) {
    if (checked[name] !== undefined) {
      throw wrongValue(`options.fork.${name}`, checked[name], 'has no meaning here, for the pool ends its workers');
    }
  }
  if (!isNode && checked.serialization === 'advanced') {
    const why = "can only be 'json' in Bun and Deno, whose 'advanced' is another one than Node's";
    throw wrongValue('options.fork.serialization', checked.serialization, why);
  }
  return checked;
}

/** Told by the name of a script, and by the first bytes of a program. */
function kindOf(path) {
  if (SCRIPT.test(path)) return 'script';
  // A name without a slash is looked for on the PATH.
  if (!path.includes('/')) return 'program';
  const isFile = statSync(path, { throwIfNoEntry: false })?.isFile();
  const [code] = problemOf(path) ?? [];
  if (isFile && (code === 'ENOEXEC' || code === 'EACCES')) {
    const why = "is neither a program nor named as a script. Say which it is: exec: 'script' or exec: 'program'";
    throw wrongValue('file', path, why);
  }
  return 'program';
}

module.exports = { starter };
