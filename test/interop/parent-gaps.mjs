// What a child in the parent matrix cannot do, and why. Each entry is expected to fail, so that it is removed when its
// reason is gone. `scenarios` are prefixes of names.

/** @type {{ runtime: string, scenarios: string[], reason: string }[]} */
const GAPS = [
  {
    runtime: 'bun',
    scenarios: ['HND-1/6/23: net.Native', 'HND-1/6: net.Native'],
    reason: 'a raw stream handle crashes it: "failed to parse handle"',
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
    reason: 'it does not answer queries about sockets',
  },
  {
    runtime: 'deno',
    scenarios: ['SER-3/11: escaped lone surrogates', 'SER-3/11: the child finds'],
    reason: 'an escaped lone surrogate crashes it',
  },
  { runtime: 'deno', scenarios: ['SER-3/5: what the child sends'], reason: 'it sends U+FFFD for lone surrogates' },
  { runtime: 'deno', scenarios: ['SER-4'], reason: 'it sends null instead' },
  { runtime: 'deno', scenarios: ['INT-1: cmd:"NODE_" is'], reason: 'it drops this message' },
  {
    runtime: 'deno',
    scenarios: ['HND-1: the message of a handle'],
    reason: 'it drops a handle whose message looks internal, including "NODE_" alone',
  },
  {
    runtime: 'deno',
    scenarios: ['HND-1/6/23: net.Native', 'HND-1/6: net.Native (FIFO)', 'HND-1/6: net.Socket (FIFO)'],
    reason: 'it treats every raw stream as a TCP connection',
  },
  {
    runtime: 'deno',
    scenarios: ['HND-1/6/23: net.Server (unix)'],
    reason: 'it treats every server as TCP, unless a Deno-specific field says otherwise',
  },
  {
    runtime: 'deno',
    scenarios: ['HND-1/6: dgram.Native'],
    reason: 'it acknowledges raw UDP handles but delivers nothing',
  },
  {
    runtime: 'deno',
    scenarios: ['HND-1/6/16: dgram.Native'],
    reason: 'its dgram.Socket exposes no raw handle',
  },
  {
    runtime: 'deno',
    scenarios: ['HND-1/6/16: net.Server (unix)'],
    reason: 'it closes a server that it sends, and removes its path',
  },
  {
    runtime: 'deno',
    scenarios: ['HND-7/11: 50 sockets between', 'HND-7: what other threads'],
    reason: 'it loses the descriptor if plain messages arrive in the same read, and never acknowledges',
  },
  {
    runtime: 'deno',
    scenarios: ['SOCK-1', 'SOCK-3', 'SOCK-4', 'SOCK-6'],
    reason: 'it has its own protocol for socket lists',
  },
];

export function gapsOf(runtime) {
  return GAPS.filter((gap) => gap.runtime === runtime).flatMap(({ scenarios, reason }) =>
    scenarios.map((scenario) => ({ scenario, reason })),
  );
}
