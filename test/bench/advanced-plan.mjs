// What is measured of the `advanced` mode: values to bytes and back, and messages beside the same in JSON.

import { createRequire } from 'node:module';

const { bytes, thing, things } = createRequire(import.meta.url)('./parcels.cjs');

const KIB = 1024;
const MIB = 1024 * KIB;

/** `typed` has types of its own, `value` has JavaScript's values, `memcpy` copies what is to be read or written. */
const CODECS = ['node', 'typed', 'value', 'memcpy'];

const codecCases = [
  { name: 'object', kind: 'object', count: 100_000, value: () => thing(0) },
  { name: '1000 objects', kind: 'array', count: 200, value: things },
  { name: '1 MiB string, ASCII', kind: 'string', count: 400, value: () => 'x'.repeat(MIB) },
  { name: '1 MiB string, two bytes', kind: 'string', count: 200, value: () => 'Ж'.repeat(MIB / 2) },
  { name: '16 MiB Buffer', kind: 'bytes', count: 20, value: () => bytes(16 * MIB) },
  // As serde has it, without a word of what it is.
  { name: '16 MiB Vec<u8>', kind: 'vec', count: 20, value: () => bytes(16 * MIB) },
].map((one) => ({ ...one, warm: Math.ceil(one.count / 5) }));

const codec = (job, title) => ({
  name: job,
  title,
  table: 'codec',
  job,
  contestants: CODECS,
  cases: codecCases,
  show: ['time'],
});

export const ADVANCED_SCENARIOS = [codec('encode', 'encode'), codec('decode', 'decode')];
