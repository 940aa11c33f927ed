// What Linux says of processes.
import { readdirSync, readFileSync } from 'node:fs';

const MICROSECONDS_PER_TICK = 10_000;

/** The file of a process, or nothing once it is gone. */
function read(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(error.code)) return undefined;
    throw error;
  }
}

/** The fields after the name, which may contain anything: state, parent, ... */
const stat = (pid) =>
  read(pid, 'stat')
    ?.replace(/^.*\) /s, '')
    .split(' ');

/** The processes that `pid` has started and that have not ended. */
export function childrenOf(pid) {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return all.map(Number).filter((each) => {
    const [state, parent] = stat(each) ?? [];
    return Number(parent) === pid && state !== 'Z';
  });
}

/** `pid` and all that descend from it. */
export function treeOf(pid) {
  return [pid, ...childrenOf(pid).flatMap(treeOf)];
}

/** The processor time that processes have used, in microseconds. */
export function cpuOf(pids) {
  const ticks = pids.map((pid) => {
    const fields = stat(pid) ?? [];
    return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  });
  return ticks.reduce((sum, each) => sum + each, 0) * MICROSECONDS_PER_TICK;
}

/** The memory of processes in bytes. What several of them share is divided among them (PSS). */
export function memoryOf(pids) {
  const kilobytes = pids.map((pid) => Number(/^Pss:\s+(\d+)/m.exec(read(pid, 'smaps_rollup') ?? '')?.[1] ?? 0));
  return kilobytes.reduce((sum, each) => sum + each, 0) * 1024;
}
