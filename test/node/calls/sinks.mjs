// Machines without processes: what they are told is written down.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
export const { Machine } = require('../../../js/calls/machine.cjs');

/** A machine, and what its sink was told, as `[name, ...arguments]`. */
export function recorded(options) {
  const told = [];
  const names = ['answered', 'failed', 'items', 'progress', 'request', 'cancelled', 'credited', 'notification'];
  const sink = {};
  for (const name of [...names, 'message', 'unwanted']) sink[name] = (...args) => told.push([name, ...args]);
  return { machine: new Machine(sink, options), told };
}

/** Everything that a machine has to send now. */
export function sent(machine) {
  const all = [];
  for (let packet = machine.take(); packet !== undefined; packet = machine.take()) all.push(packet.message);
  return all;
}

/** A machine whose peer has announced that it reads bundles. */
export function amongOurs(options) {
  const { machine, told } = recorded(options);
  machine.receive({ jsonrpc: '2.0', id: 'hello', method: 'hello', crossfork: { bundles: 1 } });
  machine.answer(told.pop()[1], null);
  sent(machine);
  return { machine, told };
}

/** Numbers that look random and are the same each time (mulberry32). */
export function random(seed) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return { next, below: (n) => Math.floor(next() * n), pick: (list) => list[Math.floor(next() * list.length)] };
}
