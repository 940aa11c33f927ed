// What cannot work, and why. The matrix expects each entry to fail, so that it is removed when its reason is gone.
// `scenarios` are prefixes of names.

/** @type {{ runtime: string, scenarios: string[], reason: string }[]} */
const GAPS = [
  {
    runtime: 'bun',
    scenarios: ['HND-1/6: net.Native', 'HND-1/6: dgram.Native'],
    reason: 'it refuses to send raw handles',
  },
  {
    runtime: 'bun',
    scenarios: ['HND-1/6: net.Socket (FIFO)'],
    reason: 'its net.Socket on a FIFO has no handle to send, so only the message is sent',
  },
  {
    runtime: 'bun',
    scenarios: ['HND-17: net.Native'],
    reason: 'a raw stream handle crashes it: "failed to parse handle"',
  },
  {
    runtime: 'bun',
    scenarios: [
      'SOCK-2/3: getConnections()',
      'SOCK-3: connections of several',
      'SOCK-4: server.close() completes when',
      'SOCK-4: server.close() waits',
      'SOCK-5: server.close() completes when the child is killed',
      'SOCK-5: a socket sent with keepOpen',
      'SOCK-6',
    ],
    reason: 'its servers forget the sockets that they send',
  },
  {
    runtime: 'deno',
    scenarios: ['CH-9'],
    reason: 'its fork() adds its own arguments before the module, regardless of execArgv',
  },
  { runtime: 'deno', scenarios: ['CH-11'], reason: 'its cluster.fork() ignores process.execPath' },
  {
    runtime: 'deno',
    scenarios: ['SER-3: integers that only fit a double'],
    reason: 'it receives integers as BigInt',
  },
  { runtime: 'deno', scenarios: ['SER-3/11: lone surrogates'], reason: 'it sends U+FFFD for them' },
  { runtime: 'deno', scenarios: ['SER-4'], reason: 'it sends null instead' },
  { runtime: 'deno', scenarios: ['SER-6'], reason: 'it cannot receive values nested deeper than 128' },
  { runtime: 'deno', scenarios: ['INT-1: cmd:"NODE_" is'], reason: 'it drops this message' },
  {
    runtime: 'deno',
    scenarios: ['HND-1/6: net.Native (FIFO)', 'HND-1/6: net.Socket (FIFO)'],
    reason: 'it cannot create a net.Socket from a FIFO',
  },
  {
    runtime: 'deno',
    scenarios: ['HND-1/6: dgram.Native'],
    reason: 'its dgram.Socket shows no raw handle',
  },
  {
    runtime: 'deno',
    scenarios: ['HND-1: two children share one server'],
    reason: 'sending a server takes it from the parent, so it can be sent once',
  },
  {
    runtime: 'deno',
    scenarios: ['HND-17: net.Native (unix)', 'HND-17: net.Native (FIFO)', 'HND-17: net.Server (unix)'],
    reason: 'it treats every stream as TCP, unless a Deno-specific field says otherwise',
  },
  {
    runtime: 'deno',
    scenarios: ['HND-17: dgram.Native', 'HND-13: after the acknowledgement the child has no copy of a dgram.Native'],
    reason: 'it acknowledges raw UDP handles but delivers nothing',
  },
  {
    runtime: 'deno',
    scenarios: ['LIFE-4: a request on a socket that was sent just before the disconnect'],
    reason: 'its disconnect() drops a handle that is not acknowledged yet',
  },
  {
    runtime: 'deno',
    scenarios: [
      'SOCK-2/3: getConnections()',
      'SOCK-3: connections of several',
      'SOCK-4',
      'SOCK-5: a socket sent with keepOpen',
      'SOCK-6',
    ],
    reason: 'it has its own protocol for socket lists',
  },
];

export function gapsOf(runtime) {
  return GAPS.filter((gap) => gap.runtime === runtime).flatMap(({ scenarios, reason }) =>
    scenarios.map((scenario) => ({ scenario, reason })),
  );
}
