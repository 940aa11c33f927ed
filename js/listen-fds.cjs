'use strict';

const { readFileSync } = require('node:fs');
const { systemError } = require('./errors.cjs');
const { native } = require('./load.cjs');

const NAMES = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES'];

/**
 * Takes the descriptors that systemd, or a program like it, opened for this process, with their names. The caller owns
 * them; `adopt` turns them into servers. Removes the variables, so that a second call returns an empty list.
 */
function listenFds() {
  // Loaded before the variables are removed: if the addon is missing, the program can still take the descriptors itself.
  const { listenFds: take } = native();
  const values = NAMES.map((name) => process.env[name]);
  for (const name of NAMES) delete process.env[name];
  const [pid, count] = values;
  if (pid !== undefined && count > 0 && Number(pid) !== process.pid) warn(Number(pid), count);
  const found = take(...values);
  if (typeof found === 'number') throw listenError(found, pid, count);
  return found;
}

const EBADF = -9;

function listenError(errno, pid, count) {
  const error = systemError(errno, 'fcntl');
  const why =
    errno === EBADF
      ? `LISTEN_FDS=${count} names descriptors 3 to ${2 + Number(count)}, but not all of them are open`
      : `LISTEN_FDS=${count} and LISTEN_PID=${pid} must be numbers`;
  error.message = `${error.code}: ${why}`;
  return error;
}

/** Not an error, because a parent process may have left the variables. More often npm or a shell is in between. */
function warn(pid, count) {
  const other = `process ${pid}${nameOf(pid)}`;
  const what = `LISTEN_FDS=${count} is for ${other}, not for this process (${process.pid}): no descriptors were taken`;
  const help =
    'Configure systemd to start node directly (ExecStart=/usr/bin/node server.js), not through npm or a shell';
  process.emitWarning(`${what}. ${help}.`, { code: 'CROSSFORK_LISTEN_PID' });
}

function nameOf(pid) {
  try {
    return ` (${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()})`;
  } catch {
    return '';
  }
}

module.exports = { listenFds };
