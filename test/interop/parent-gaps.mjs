// What a child of the parent's matrix cannot do, and why. Each is expected to fail, so that a row goes when its reason
// has gone. `scenarios` are beginnings of names.

/** @type {{ runtime: string, scenarios: string[], reason: string }[]} */
const GAPS = [
  {
    runtime: 'bun',
    scenarios: ['HND-1/6/23: net.Native', 'HND-1/6: net.Native'],
    reason: 'a raw stream handle ends it: "failed to parse handle"',
  },
  {
    runtime: 'bun',
    scenarios: ['HND-1/6: net.Socket (FIFO)'],
    reason: 'its net.Socket cannot write to a FIFO',
  },
  {
    runtime: 'bun',
    scenarios: ['HND-1/6/16: net.Native', 'HND-1/6/16: dgram.Native'],
    reason: 'it refuses to send raw handles',
  },
  {
    runtime: 'bun',
    scenarios: [
      'SOCK-1',
      'SOCK-3',
      'SOCK-4: closed() completes with',
      'SOCK-4: closed() waits',
      'SOCK-4: closed() completes at once',
      'SOCK-5: a child that we disconnect while we ask it',
      'SOCK-6',
    ],
    reason: 'it answers no question about sockets',
  },
  {
    runtime: 'deno',
    scenarios: ['SER-3/11: escaped lone surrogates', 'SER-3/11: the child finds'],
    reason: 'an escaped lone surrogate ends it',
  },
  { runtime: 'deno', scenarios: ['SER-3/5: what the child sends'], reason: 'it sends U+FFFD for lone surrogates' },
  { runtime: 'deno', scenarios: ['SER-4'], reason: 'it sends null instead' },
  { runtime: 'deno', scenarios: ['INT-1: cmd:"NODE_" is'], reason: 'it swallows this message' },
  {
    runtime: 'deno',
    scenarios: ['HND-1: the message of a handle'],
    reason: 'it swallows a handle whose message looks internal, "NODE_" alone included',
  },
  {
    runtime: 'deno',
    scenarios: ['HND-1/6/23: net.Native', 'HND-1/6: net.Native (FIFO)', 'HND-1/6: net.Socket (FIFO)'],
    reason: 'it takes every raw stream for a TCP connection',
  },
  {
    runtime: 'deno',
    scenarios: ['HND-1/6/23: net.Server (unix)'],
    reason: 'it takes every server for TCP, unless a field of its own says otherwise',
  },
  {
    runtime: 'deno',
    scenarios: ['HND-1/6: dgram.Native'],
    reason: 'it acknowledges raw UDP handles and delivers nothing',
  },
  {
    runtime: 'deno',
    scenarios: ['HND-1/6/16: dgram.Native'],
    reason: 'its dgram.Socket shows no raw handle',
  },
  {
    runtime: 'deno',
    scenarios: ['HND-1/6/16: net.Server (unix)'],
    reason: 'it closes a server that it sends, and unlinks its path',
  },
  {
    runtime: 'deno',
    scenarios: ['HND-7/11: 50 sockets between', 'HND-7: what other threads'],
    reason: 'it loses the descriptor when plain messages come in the same read, and never acknowledges',
  },
  {
    runtime: 'deno',
    scenarios: ['SOCK-1', 'SOCK-3', 'SOCK-4', 'SOCK-6'],
    reason: 'it keeps socket lists in a dialect of its own',
  },
];

export function gapsOf(runtime) {
  return GAPS.filter((gap) => gap.runtime === runtime).flatMap(({ scenarios, reason }) =>
    scenarios.map((scenario) => ({ scenario, reason })),
  );
}
