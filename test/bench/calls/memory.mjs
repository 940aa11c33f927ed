// `memory.mjs CONTESTANT SIZE`: how much memory a pool of so many workers has, in a process of its own, where nothing else
// has children. It prints the bytes: of all workers together, with what they share with each other and with nobody else
// divided among them (PSS), and for threads by how much this process has grown.
import { readdirSync, readFileSync } from 'node:fs';
import { contestants } from './contestants.mjs';

const [, , name, size] = process.argv;

const pss = (pid) => Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]) * 1024;

/** The processes below this one. A pool in Rust is not a worker, and has workers. */
function descendants(of, isPool) {
  const parents = new Map();
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      parents.set(Number(pid), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // It has just ended.
    }
  }
  const childrenOf = (parent) => [...parents].filter(([, own]) => own === parent).map(([pid]) => pid);
  const children = childrenOf(of);
  return isPool ? children.flatMap(childrenOf) : children;
}

globalThis.gc?.();
const before = pss('self');
const pool = await contestants[name](Number(size), 4);
await pool.run('number', 100, 4);
const workers = descendants(process.pid, pool.startedIn !== undefined);
globalThis.gc?.();
const bytes = workers.length > 0 ? workers.reduce((sum, pid) => sum + pss(pid), 0) : pss('self') - before;
console.log(JSON.stringify({ bytes, workers: workers.length }));
await pool.close();
process.exit();
