'use strict';

const { readFileSync } = require('node:fs');
const { systemError } = require('./errors.cjs');
const { native } = require('./load.cjs');

const NAMES = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES'];

/**
 * The descriptors that systemd, or another that does the same, has opened for this process, with their names. The
 * caller owns them, `adopt` makes servers of them; the variables are removed, and the second time there is none.
 */
function listenFds() {
  // Before the variables are removed: without the addon, another way to take the descriptors remains.
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
      ? `LISTEN_FDS=${count} tells of the descriptors 3 to ${2 + Number(count)}, and not all of them are open`
      : `LISTEN_FDS=${count} and LISTEN_PID=${pid} must be numbers`;
  error.message = `${error.code}: ${why}`;
  return error;
}

/** It is no error: whoever starts us may have forgotten to remove them. More often it is npm, or a shell. */
function warn(pid, count) {
  const other = `process ${pid}${nameOf(pid)}`;
  const what = `LISTEN_FDS=${count} is meant for ${other}, and not for this one (${process.pid}), which gets none`;
  const help = 'Have systemd start node itself: ExecStart=/usr/bin/node server.js, not npm or a shell that stays';
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
