// What is measured: scenarios, the sizes of messages, how many, and who takes part.

import { CODEC_SCENARIOS, MODE_SCENARIOS } from './advanced-plan.mjs';

export const NODE = 'node';
export const OURS = ['blocking', 'tokio'];
const CHILDREN = [NODE, ...OURS, 'bare'];
export const PARENTS = [NODE, ...OURS, 'bare'];

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
 * the figures: `rate`, `time`, `parentCpu` and `parentRss` are the parent's, `cpu` and `rss` the child's.
 */
const CHILD_SCENARIOS = [
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

/** The contestants are parents, and `child` is what each of them has: one, or `children`. `fresh`: in a new process. */
const PARENT_SCENARIOS = [NODE, 'blocking'].flatMap((child) => {
  const whose = child === NODE ? 'Node' : 'Rust';
  const scenario = (name, title, more) => ({
    name: `parent-${name}-${whose.toLowerCase()}`,
    title,
    child,
    contestants: PARENTS,
    cases: [{}],
    ...more,
  });
  const messages = (count) => [64, KIB].map((size) => ({ size, count, warm: count / 5 }));
  const handles = { cases: [{ count: 1500, warm: 300 }], show: ['rate', 'parentCpu'] };
  const idle = { job: 'idle', fresh: true, show: ['parentRss'] };
  return [
    scenario('receive', `receive from ${whose}`, {
      job: 'feed',
      cases: messages(50_000),
      show: ['rate', 'parentCpu'],
    }),
    scenario('send', `send to ${whose}`, { job: 'receive', cases: messages(50_000), show: ['rate', 'parentCpu'] }),
    scenario('pinned', `round trip to ${whose}, pinned`, {
      job: 'trip',
      pinned: true,
      cases: messages(4000),
      show: ['time'],
    }),
    scenario('take-handles', `receive handles from ${whose}`, { job: 'give-handles', ...handles }),
    scenario('give-handles', `send handles to ${whose}`, { job: 'take-handles', ...handles }),
    scenario('start', `${whose}: spawn to first message`, { job: 'start', times: 4, show: ['time'] }),
    scenario('memory-1', `1 idle ${whose} child`, { children: 1, ...idle }),
    // Seldom: so many Node processes take long to start, and the figure hardly differs.
    scenario('memory-50', `50 idle ${whose} children`, { children: 50, times: 1 / 5, ...idle }),
  ];
});

export const SCENARIOS = [...CHILD_SCENARIOS, ...PARENT_SCENARIOS, ...CODEC_SCENARIOS, ...MODE_SCENARIOS];

/** A tenth of everything, once: to see that it works. */
export function quick(scenarios) {
  const tenth = (n) => n && Math.ceil(n / 10);
  const less = (one) => one && { ...one, count: tenth(one.count), warm: tenth(one.warm) };
  return scenarios.map((scenario) => ({
    ...scenario,
    times: 1,
    cases: scenario.cases.map((one) => ({ ...less(one), json: less(one.json), base64: less(one.base64) })),
  }));
}
