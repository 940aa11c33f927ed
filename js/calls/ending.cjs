'use strict';

const { WorkerDiedError } = require('./errors.cjs');
const { clearTimeout, process, setTimeout } = require('./globals.cjs');

/** After a process has ended, what it has written is waited for so long: a grandchild may hold its stderr for ever. */
const AFTER_EXIT = 100;

/** A process that has closed its channel has so long to say how it ends. */
const AFTER_DISCONNECT = 1000;

/**
 * How a peer ended.
 * @typedef {object} End
 * @property {number | null} exitCode
 * @property {string | null} signal
 * @property {Error} [error] it could not be started
 */

/**
 * Tells when nothing more will come from a peer, once.
 * @param {NodeJS.Process | import('node:child_process').ChildProcess} target
 * @param {() => void} onDisconnect called first, when the channel is gone
 * @param {(end: End) => void} onEnd
 */
function watchEnd(target, onDisconnect, onEnd) {
  const end = { exitCode: null, signal: null };
  let timer;
  let isOver = false;
  let hasExited = false;
  const waits = new Set(['disconnect']);

  const finish = () => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    if (waits.has('disconnect')) onDisconnect();
    onEnd(end);
  };
  const limit = (ms) => {
    clearTimeout(timer);
    timer = setTimeout(finish, ms);
  };
  const seen = (what) => {
    if (!waits.delete(what) || isOver) return;
    if (what === 'disconnect') onDisconnect();
    if (waits.size === 0) finish();
    else if (!hasExited && !waits.has('disconnect')) limit(AFTER_DISCONNECT);
  };

  target.once('disconnect', () => seen('disconnect'));
  if (target === process) return;
  waits.add('exit');
  if (target.stderr) {
    waits.add('stderr');
    target.stderr.once('close', () => seen('stderr'));
  }
  target.once('exit', (exitCode, signal) => {
    hasExited = true;
    Object.assign(end, { exitCode, signal });
    limit(AFTER_EXIT);
    seen('exit');
  });
  target.once('error', (error) => {
    if (target.pid !== undefined) return;
    end.error = error;
    finish();
  });
}

/** The error of a call whose worker is gone. */
function diedError(call, { exitCode, signal }, stderr, cause) {
  const how =
    signal !== null
      ? `was ended by ${signal}`
      : exitCode !== null
        ? `has ended with exit code ${exitCode}`
        : 'has closed its channel';
  const begun = mayHaveBegun(call);
  const what = begun
    ? `'${call.method}' has no answer, and may have begun`
    : `'${call.method}' was not begun, and nobody else can take it`;
  const why = cause === undefined ? '' : ` (${cause.message})`;
  const told = stderr === undefined || stderr === '' ? '' : `\nLast lines of stderr:\n${stderr}`;
  const message = `The worker ${how}${why}. ${what}${told}`;
  return new WorkerDiedError(message, { begun, exitCode, signal, stderr }, cause && { cause });
}

/** Whether a worker that is gone may have seen the call. */
function mayHaveBegun(call) {
  return call.entry === undefined && call.id !== undefined && !call.isLost;
}

module.exports = { diedError, mayHaveBegun, watchEnd };
