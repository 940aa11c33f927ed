// What is expected of the figures. Nothing fails when they fall short: the machine may be busy.
import { OTHERS } from './contestants.mjs';

const RUST = 'Node pool, Rust (blocking)';
const ALONE = 'Node pool, one message a call';
const NODE = 'Rust pool, Node';
const THREADS = 'piscina (threads)';
const BARE = 'bare loop';

const EXPECTATIONS = [
  { text: "64 in flight, bundled: 7 times the best process pool's rate", of: ['flight', RUST], least: 7, than: OTHERS },
  { text: "64 in flight, bundled: 4 times the threads' rate", of: ['flight', RUST], least: 4, than: [THREADS] },
  { text: '64 in flight, one message a call: 2.5 times', of: ['flight', ALONE], least: 2.5, than: OTHERS },
  {
    text: "64 in flight, one message a call: 1.5 times the threads'",
    of: ['flight', ALONE],
    least: 1.5,
    than: [THREADS],
  },
  {
    text: "64 in flight, one message a call: 0.85 of the bare loop's",
    of: ['flight', ALONE],
    least: 0.85,
    than: [BARE],
  },
  { text: 'Node workers of a pool in Rust, bundled: 4 times', of: ['flight', NODE], least: 4, than: OTHERS },
  { text: "Node workers of a pool in Rust: 2.5 times the threads'", of: ['flight', NODE], least: 2.5, than: [THREADS] },
  { text: "a single call in half of the best process pool's time", of: ['single', RUST], most: 0.5, than: OTHERS },
  { text: 'four Rust workers are ready in 0.15 of the time', of: ['start', RUST], most: 0.15, than: OTHERS },
  { text: 'four Rust workers in a tenth of the memory', of: ['memory', RUST], most: 0.1, than: OTHERS },
];

/** Lines that say which expectations are met. `get(case, contestant)` is a median, or undefined. */
export function verdicts(get) {
  const lines = [];
  for (const { text, of, least, most, than } of EXPECTATIONS) {
    const [what, who] = of;
    const others = than.map((other) => get(what, other)).filter((figure) => figure !== undefined);
    const own = get(what, who);
    if (own === undefined || others.length === 0) continue;
    const ratio = own / (least === undefined ? Math.min(...others) : Math.max(...others));
    const isMet = least === undefined ? ratio <= most : ratio >= least;
    lines.push(`${isMet ? 'met   ' : 'MISSED'}  ${text}: ${ratio.toPrecision(3)}`);
  }
  return lines;
}
