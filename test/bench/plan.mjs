// What is measured: scenarios, the sizes of messages, how many, and who takes part.

export const NODE = 'node';
export const OURS = ['blocking', 'tokio'];
const CHILDREN = [NODE, ...OURS, 'bare'];

const KIB = 1024;
const MIB = 1024 * KIB;

/** A case for each size: how many messages warm up, and how many are measured. */
const sizes = (small, kib, large, mib) =>
  [
    [64, small],
    [KIB, kib],
    [64 * KIB, large],
    [MIB, mib],
  ].map(([size, count]) => ({ size, count, warm: Math.ceil(count / 5) }));

/** As much in one size as in the other. */
const huge = (mibs) => [
  { size: MIB, count: mibs, warm: mibs / 2 },
  { size: 64 * MIB, count: mibs / 64, warm: 1 },
];

/**
 * `job` is the parent's (parent.cjs) and the child's (child/main.rs); with `pair`, it is bench-pair's. `show` names
 * the figures: `rate` and `time` are the parent's, `cpu` and `rss` the child's.
 */
export const SCENARIOS = [
  {
    name: 'receive',
    title: 'receive',
    job: 'receive',
    contestants: [...CHILDREN, 'limit'],
    cases: sizes(50_000, 30_000, 1500, 80),
    show: ['rate', 'cpu', 'rss'],
  },
  {
    name: 'feed',
    title: 'send, together',
    job: 'feed',
    contestants: [...CHILDREN, 'limit'],
    cases: sizes(100_000, 40_000, 1500, 80),
    show: ['rate', 'cpu'],
  },
  {
    name: 'send',
    title: 'send, one by one',
    job: 'send',
    contestants: [...CHILDREN, 'limit'],
    cases: sizes(100_000, 40_000, 1500, 80),
    show: ['rate', 'cpu'],
  },
  {
    name: 'trip',
    title: 'round trip',
    job: 'trip',
    contestants: [...CHILDREN, 'worker'],
    cases: sizes(4000, 4000, 500, 40),
    show: ['time', 'rss'],
  },
  {
    name: 'pinned',
    title: 'round trip, pinned',
    job: 'trip',
    pinned: true,
    contestants: [...CHILDREN, 'worker'],
    cases: sizes(4000, 4000, 500, 40),
    show: ['time'],
  },
  {
    name: 'take-handles',
    title: 'receive handles',
    job: 'take-handles',
    contestants: CHILDREN,
    cases: [{ count: 1500, warm: 300 }],
    show: ['rate', 'cpu'],
  },
  {
    name: 'give-handles',
    title: 'send handles',
    job: 'give-handles',
    contestants: [...CHILDREN, 'worker'],
    cases: [{ count: 1500, warm: 300 }],
    show: ['rate', 'cpu'],
  },
  {
    name: 'start',
    title: 'fork to first message',
    job: 'start',
    contestants: [...CHILDREN, 'worker'],
    cases: [{}],
    times: 4,
    show: ['time', 'rss'],
  },
  {
    name: 'huge-in',
    title: 'receive',
    job: 'receive',
    contestants: CHILDREN,
    cases: huge(64),
    show: ['byte', 'cpuByte'],
  },
  {
    name: 'huge-out',
    title: 'send',
    job: 'feed',
    contestants: CHILDREN,
    cases: huge(64),
    show: ['byte', 'cpuByte'],
  },
  {
    name: 'pair-feed',
    title: 'Rust to Rust, together',
    pair: 'feed',
    contestants: [...OURS, 'bare'],
    cases: sizes(500_000, 100_000, 2500, 150),
    show: ['time'],
  },
  {
    name: 'pair-send',
    title: 'Rust to Rust, one by one',
    pair: 'send',
    contestants: [...OURS, 'bare'],
    cases: sizes(100_000, 60_000, 2500, 150),
    show: ['time'],
  },
  {
    name: 'pair-trip',
    title: 'Rust to Rust, round trip on two cores',
    pair: 'trip',
    contestants: [...OURS, 'bare'],
    cases: sizes(5000, 5000, 1000, 80),
    show: ['time'],
  },
  {
    name: 'pair-pinned',
    title: 'Rust to Rust, round trip on one core',
    pair: 'trip',
    pinned: true,
    contestants: [...OURS, 'bare'],
    cases: sizes(20_000, 15_000, 1500, 80),
    show: ['time'],
  },
  {
    name: 'pair-huge',
    title: 'Rust to Rust',
    pair: 'feed',
    contestants: [...OURS, 'bare'],
    cases: huge(128),
    show: ['byte'],
  },
];

/** A tenth of everything, once: to see that it works. */
export function quick(scenarios) {
  const tenth = (n) => n && Math.ceil(n / 10);
  return scenarios.map((scenario) => ({
    ...scenario,
    times: 1,
    cases: scenario.cases.map((c) => ({ ...c, count: tenth(c.count), warm: tenth(c.warm) })),
  }));
}
