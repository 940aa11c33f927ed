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

/** Has the process used no processor time for a while, with every thread asleep? Blocks for as long. */
function resting(pid) {
  const before = processorTime(pid);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  return threadStates(pid).every((state) => state === 'S') && processorTime(pid) === before;
}

/** Has SIGSTOP taken effect? */
function stopped(pid) {
  return threadStates(pid).every((state) => state === 'T');
}

const statOf = (path) =>
  readFileSync(`${path}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
const threadStates = (pid) => readdirSync(`/proc/${pid}/task`).map((task) => statOf(`/proc/${pid}/task/${task}`)[0]);

function processorTime(pid) {
  const fields = statOf(`/proc/${pid}`);
  return Number(fields[11]) + Number(fields[12]);
}

module.exports = { residentMemory, closeOnExec, resting, stopped };
