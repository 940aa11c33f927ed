// What is measured of the `advanced` mode: values to bytes and back, and messages beside the same in JSON.

import { createRequire } from 'node:module';

const { bytes, thing, things } = createRequire(import.meta.url)('./parcels.cjs');

const KIB = 1024;
const MIB = 1024 * KIB;

const withWarming = (one) => ({ ...one, warm: Math.ceil(one.count / 5) });

/** The last is as serde has it without a word of what it is; `Buffer` stands for what it knows to be bytes. */
const VALUES = [
  { name: 'object', kind: 'object', count: 100_000, value: () => thing(0) },
  { name: '1000 objects', kind: 'array', count: 200, value: things },
  { name: '1 MiB string, ASCII', kind: 'string', count: 400, value: () => 'x'.repeat(MIB) },
  { name: '1 MiB string, two bytes', kind: 'string', count: 100, value: () => 'Ж'.repeat(MIB / 2) },
  { name: '16 MiB Buffer', kind: 'bytes', count: 20, value: () => bytes(16 * MIB) },
  { name: '16 MiB Vec<u8>', kind: 'vec', count: 20, value: () => bytes(16 * MIB) },
];

/** `typed` has types of its own, `value` JavaScript's values; `memcpy` copies what the others read or write. */
export const CODECS = ['node', 'typed', 'value', 'memcpy'];

export const CODEC_SCENARIOS = ['encode', 'decode'].map((codec) => ({
  name: codec,
  title: codec,
  table: 'values',
  codec,
  contestants: CODECS,
  cases: VALUES.map(withWarming),
  show: ['time'],
}));

/** A child, and how it is spoken to if that is not in the `advanced` mode. */
export const MODES = [
  'node',
  'blocking',
  'tokio',
  'limit',
  'node json',
  'blocking json',
  'node base64',
  'blocking base64',
];

const inAdvanced = MODES.slice(0, 4);

const objects = [
  { name: 'object', kind: 'object', count: 30_000 },
  { name: '1000 objects', kind: 'array', count: 200 },
].map((one) => ({ ...withWarming(one), contestants: [...inAdvanced, 'node json', 'blocking json'] }));

/** In JSON, a Buffer is an array of numbers unless one does something about it. */
const buffer = (name, size, count, inJson) => ({
  ...withWarming({ name: `${name} Buffer`, kind: 'buffer', size, count }),
  json: withWarming({ kind: 'to-json', count: inJson }),
  base64: withWarming({ kind: 'base64', count: Math.ceil(count / 4) }),
  contestants: inJson ? MODES : MODES.filter((contestant) => !contestant.endsWith('json')),
});

const buffers = [
  buffer('64 KiB', 64 * KIB, 1500, 60),
  buffer('1 MiB', MIB, 120, 4),
  // As an array of numbers it takes seconds.
  buffer('16 MiB', 16 * MIB, 12, 0),
];

const messages = (job, title, cases) => ({
  name: `advanced-${job}`,
  title,
  table: 'modes',
  job,
  cases,
  // Where the parent is the limit, its time tells why.
  show: ['rate', 'cpu', 'parentCpu'],
});

export const MODE_SCENARIOS = [
  messages('receive', 'receive', [...objects, ...buffers]),
  messages('feed', 'send, together', [...objects, ...buffers]),
  messages('send', 'send, one by one', objects),
];
