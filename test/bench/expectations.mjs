// What is expected of the figures. Nothing fails when they fall short: the machine may be busy.

import { caseKey, caseName } from './figures.mjs';
import { NODE, OURS, SCENARIOS } from './plan.mjs';

const MIB = 1024 * 1024;

/** As fast, but for noise. */
const AS_FAST = 0.9;

const OBJECTS = ['object', '1000 objects'];
const CODECS = ['typed', 'value'];
const MODES = ['advanced-receive', 'advanced-feed', 'advanced-send'];

/** How many of the figures that miss are listed. */
const LISTED = 6;

const EXPECTATIONS = [
  {
    text: "sends 64 B messages at 4 times a Node child's rate",
    least: 4,
    figures: each(['feed'], [64], (f, s, size, ours) => f.ratio(s, size, 'rate', ours, NODE)),
  },
  {
    text: 'receives as fast as the parent can send',
    least: AS_FAST,
    figures: each(['receive'], undefined, (f, s, size, ours) => f.ratio(s, size, 'rate', ours, 'limit')),
  },
  {
    text: "receives for a third of a Node child's CPU time",
    most: 1 / 3,
    figures: each(['receive'], undefined, (f, s, size, ours) => f.ratio(s, size, 'cpu', ours, NODE)),
  },
  {
    text: "pinned round trip in 0.8 of a Node child's time",
    most: 0.8,
    figures: each(['pinned'], undefined, (f, s, size, ours) => f.ratio(s, size, 'time', ours, NODE)),
  },
  {
    text: "starts in 1/20 of a Node child's time",
    most: 1 / 20,
    figures: each(['start'], undefined, (f, s, size, ours) => f.ratio(s, size, 'time', ours, NODE)),
  },
  {
    text: 'resident memory of 4 MB',
    most: 4,
    figures: each(['receive', 'trip'], undefined, (f, s, size, ours) => f.get(s, size, ours, 'rss') / 1e6),
  },
  {
    text: "Rust to Rust in 1.25 of the bare loop's time",
    most: 1.25,
    figures: each(['pair-feed', 'pair-send', 'pair-trip', 'pair-pinned'], undefined, (f, s, size, ours) =>
      f.ratio(s, size, 'time', ours, 'bare'),
    ),
  },
  {
    text: "64 MiB message, time per byte in 1.5 of a 1 MiB one's",
    most: 1.5,
    figures: each(['huge-in', 'huge-out', 'pair-huge'], [64 * MIB], (f, s, size, ours) => {
      return f.get(s, size, ours, 'byte') / f.get(s, MIB, ours, 'byte');
    }),
  },
  {
    text: 'a parent receives as fast as a Node child can send',
    least: 0.95,
    figures: each(['parent-receive-node'], undefined, (f, s, size, ours) => f.ratio(s, size, 'rate', ours, 'bare')),
  },
  {
    text: "a parent needs a third of a Node parent's CPU time",
    most: 1 / 3,
    figures: each(
      ['parent-receive-node', 'parent-send-node', 'parent-receive-rust', 'parent-send-rust'],
      undefined,
      (f, s, size, ours) => f.ratio(s, size, 'parentCpu', ours, NODE),
    ),
  },
  {
    text: 'a parent of 50 children has a resident memory of 6 MB',
    most: 6,
    figures: each(['parent-memory-50-node', 'parent-memory-50-rust'], undefined, (f, s, size, ours) => {
      return f.get(s, size, ours, 'parentRss') / 1e6;
    }),
  },
  {
    text: "encodes and decodes objects in half of v8's time",
    most: 1 / 2,
    figures: each(['encode', 'decode'], OBJECTS, (f, s, one, ours) => f.ratio(s, one, 'time', ours, NODE), CODECS),
  },
  {
    text: "encodes and decodes bytes in 1.5 of a memcpy's time",
    most: 1.5,
    figures: each(
      ['encode', 'decode'],
      ['16 MiB Buffer', '16 MiB Vec<u8>'],
      (f, s, one, ours) => f.ratio(s, one, 'time', ours, 'memcpy'),
      CODECS,
    ),
  },
  {
    text: "objects in the advanced mode at JSON's rate",
    least: AS_FAST,
    figures: each(MODES, OBJECTS, (f, s, one, ours) => f.ratio(s, one, 'rate', ours, 'blocking json')),
  },
  {
    text: "Buffers in the advanced mode at 5 times JSON's rate",
    least: 5,
    figures: each(MODES, ['64 KiB Buffer', '1 MiB Buffer'], (f, s, one, ours) =>
      f.ratio(s, one, 'rate', ours, 'blocking json'),
    ),
  },
  {
    text: 'in the advanced mode as fast as a Node child',
    least: AS_FAST,
    figures: each(MODES, undefined, (f, s, one, ours) => f.ratio(s, one, 'rate', ours, NODE)),
  },
];

/** One figure for each scenario, case (all, if none are said) and contestant. */
function each(scenarios, keys, figure, contestants = OURS) {
  return (figures) =>
    SCENARIOS.filter(({ name }) => scenarios.includes(name)).flatMap(({ name, cases }) =>
      (keys ?? cases.map(caseKey)).flatMap((key) =>
        contestants.map((ours) => ({
          value: figure(figures, name, key, ours),
          where: [ours, name, caseName(key)].filter(Boolean).join(' '),
        })),
      ),
    );
}

/** A line for each expectation: met or not met, by the worst figure, and which others are not. */
export function verdicts(figures) {
  return EXPECTATIONS.map(({ text, least, most, figures: pick }) => {
    const seen = pick(figures).filter(({ value }) => Number.isFinite(value));
    if (seen.length === 0) return `not measured  ${text}`;
    const better = (a, b) => (least === undefined ? a.value - b.value : b.value - a.value);
    const met = ({ value }) => (least === undefined ? value <= most : value >= least);
    const [worst] = seen.toSorted(better).slice(-1);
    const missed = seen
      .filter((one) => !met(one))
      .toSorted(better)
      .reverse();
    const bound = least === undefined ? `at most ${round(most)}` : `at least ${round(least)}`;
    if (missed.length === 0) return `met           ${text} (${bound}): ${round(worst.value)} at worst, ${worst.where}`;
    const list = missed
      .slice(0, LISTED)
      .map(({ value, where }) => `${round(value)} ${where}`)
      .join(', ');
    return `not met       ${text} (${bound}): ${missed.length} of ${seen.length} figures, ${list}${missed.length > LISTED ? ', ...' : ''}`;
  });
}

function round(value) {
  return value >= 0.1 ? Number(value.toFixed(2)) : Number(value.toFixed(3));
}
