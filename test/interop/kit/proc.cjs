'use strict';

// What /proc tells about another process.

const { readdirSync, readFileSync } = require('node:fs');

/** Resident memory of a process, in bytes. */
function residentMemory(pid) {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
}

/** The open descriptors of a process: number -> is it close-on-exec? */
function closeOnExec(pid) {
  const flags = (fd) => Number.parseInt(/flags:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))[1], 8);
  return new Map(readdirSync(`/proc/${pid}/fd`).map((fd) => [Number(fd), (flags(fd) & 0o2000000) !== 0]));
}

/** Has every thread of the process been asleep for a while, without having run in between? Blocks for as long. */
function resting(pid) {
  const before = switches(pid);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  return threadStates(pid).every((state) => state === 'S') && switches(pid) === before;
}

/** How much of a second of the clock the process ran, of all processors. Blocks for as long. */
function busyness(pid) {
  const before = ticks(pid);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
  return (ticks(pid) - before) / 100;
}

/** How long it has run, in hundredths of a second. */
function ticks(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/** Has SIGSTOP taken effect? */
function stopped(pid) {
  return threadStates(pid).every((state) => state === 'T');
}

const statuses = (pid) => readdirSync(`/proc/${pid}/task`).flatMap((task) => statusOf(`/proc/${pid}/task/${task}`));

/** None of a thread that has ended since it was listed. */
function statusOf(task) {
  try {
    return [readFileSync(`${task}/status`, 'utf8')];
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(error.code)) return [];
    throw error;
  }
}

const threadStates = (pid) => statuses(pid).map((status) => /^State:\s+(\w)/m.exec(status)[1]);

/** How often its threads have been scheduled: one that runs for however short a time adds to it. */
function switches(pid) {
  const counts = statuses(pid).flatMap((status) => [...status.matchAll(/_switches:\s+(\d+)/g)]);
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}

module.exports = { residentMemory, closeOnExec, resting, busyness, stopped };
