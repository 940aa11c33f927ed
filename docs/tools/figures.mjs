// Sentences and tables from docs/figures.json, which `npm run bench -- --record` and its like write.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const benches = JSON.parse(readFileSync(join(import.meta.dirname, '../figures.json'), 'utf8'));

const SIZES = ['64 B', '1 KiB', '64 KiB', '1 MiB'];

/** One contestant's median. */
function get(bench, title, contestant) {
  const figure = benches[bench].figures[title]?.[contestant];
  if (typeof figure !== 'number') throw new Error(`docs/figures.json has no figure of ${contestant} for "${title}"`);
  return figure;
}

const ratio = (bench, title, one, other) => get(bench, title, one) / get(bench, title, other);

/** Two digits that matter. */
const short = (value) => Number(value.toPrecision(value >= 1 ? 2 : value >= 0.1 ? 2 : 1)).toString();
const megabytes = (bytes) => `${short(bytes / 1e6)} MB`;
const milliseconds = (us) => `${short(us / 1000)} ms`;

/** The five figures of the front page. They are those that a busy machine changes least. */
export function why() {
  const ours = 'blocking';
  const start = ratio('ipc', 'start: time', ours, 'node');
  const memory = ratio('ipc', 'start: rss', ours, 'node');
  const cpu = ratio('ipc', 'receive 64 KiB: cpu', ours, 'node');
  const trip = ratio('ipc', 'pinned 1 KiB: time', ours, 'node');
  const feed = ratio('ipc', 'feed 1 KiB: rate', ours, 'node');
  const of = (title, who, show) => show(get('ipc', title, who));
  return [
    {
      label: 'time to start',
      value: start,
      text: `**Start**: ${of('start: time', ours, milliseconds)} from \`fork()\` to the first message. Node needs ${of('start: time', 'node', milliseconds)}.`,
    },
    {
      label: 'memory',
      value: memory,
      text: `**Memory**: ${of('start: rss', ours, megabytes)} for a worker. Node needs ${of('start: rss', 'node', megabytes)}.`,
    },
    {
      label: 'CPU for a message received',
      value: cpu,
      text: `**Processor time**: ${short(cpu)} of Node's to receive a message of 64 KiB.`,
    },
    {
      label: 'round trip',
      value: trip,
      text: `**Latency**: ${short(trip)} of Node's time for a round trip of 1 KiB, on one core.`,
    },
    {
      label: 'time to send a message',
      value: 1 / feed,
      text: `**Throughput**: ${short(feed)} times as many messages of 1 KiB sent in a second.`,
    },
  ];
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Figures of a Rust child for each size, as multiples of a Node child's. */
export function messages() {
  const row = (text, scenario, metric) => [
    text,
    ...SIZES.map((size) => short(ratio('ipc', `${scenario} ${size}: ${metric}`, 'blocking', 'node'))),
  ];
  return table(
    ["as a multiple of a Node child's", ...SIZES],
    [
      row('messages received in a second', 'receive', 'rate'),
      row('processor time to receive one', 'receive', 'cpu'),
      row('messages sent in a second, many in flight (`feed`)', 'feed', 'rate'),
      row('messages sent in a second, one by one (`send`)', 'send', 'rate'),
      row('time of a round trip', 'trip', 'time'),
      row('time of a round trip, both on one core', 'pinned', 'time'),
    ],
  );
}

export function processes() {
  const row = (text, title, show) => [
    text,
    ...['node', 'blocking', 'tokio'].map((who) => show(get('ipc', title, who))),
  ];
  const whole = (value) => Math.round(value).toLocaleString('en');
  return table(
    ['', 'Node child', 'Rust child, `blocking`', 'Rust child, `tokio`'],
    [
      row('from `fork()` to the first message', 'start: time', milliseconds),
      row('resident memory then', 'start: rss', megabytes),
      row('handles received in a second', 'take-handles: rate', whole),
      row('handles sent in a second', 'give-handles: rate', whole),
    ],
  );
}

export function modes() {
  const cases = ['object', '1000 objects', '1 MiB string, ASCII'];
  const row = (text, codec, who) => [
    text,
    ...cases.map((one) => short(ratio('ipc', `${codec} ${one}: time`, who, 'node'))),
  ];
  return table(
    ['time, as a part of `v8.serialize` or `v8.deserialize` of Node', ...cases],
    [
      row('to encode types of your own', 'encode', 'typed'),
      row('to decode into them', 'decode', 'typed'),
      row('to encode a `v8::Value`', 'encode', 'value'),
      row('to decode into one', 'decode', 'value'),
    ],
  );
}

export function cluster() {
  if (!benches.cluster) return 'Not recorded yet: `npm run bench:cluster -- --record`.';
  const names = ['node rr', 'crossfork rr', 'bare rr'];
  const row = (text, title) => [text, ...names.map((who) => show(benches.cluster.figures[title]?.[who]))];
  const show = (value) => (typeof value === 'number' ? short(value) : '');
  return table(
    ['round robin, two workers', "Node's cluster", '`crossfork run`', 'the least that a primary can do'],
    [
      row('requests in a second, a connection for each', 'a connection per request'),
      row("the primary's processor time for a connection, µs", 'primary CPU'),
      row("the primary's memory, MB", 'primary memory'),
      row('first answer after, ms', 'first answer after'),
      row('a killed worker is replaced after, ms', 'killed worker replaced after'),
    ],
  );
}

export function fd() {
  if (!benches.fd) return 'Not recorded yet: `npm run bench:fd -- --record`.';
  const rows = Object.entries(benches.fd.figures).flatMap(([title, figures]) => {
    const [[ours, first], ...others] = Object.entries(figures);
    return others.map(([name, figure]) => [
      title,
      ours,
      name,
      typeof figure === 'number' && typeof first === 'number' ? short(first / figure) : figure,
    ]);
  });
  return table(['in a second', 'ours', 'compared with', 'times as many'], rows);
}

/** What is measured of calls, and how it is shown. */
const CALLS = [
  ['single', 'one call at a time, µs'],
  ['flight', 'calls in a second, 64 in flight'],
  ['objects', 'the same with objects of 1 KiB'],
  ['buffers', '1 MiB there and back, ms'],
  ['stream', 'a stream of 10,000 items, ms'],
  ['start', 'start of four workers, ms'],
  ['memory', 'memory of four workers, MB'],
];

const notRecorded = 'Not recorded yet: `npm run bench:calls -- --record`.';

/** Each pool's figures. */
export function calls() {
  if (!benches.calls) return notRecorded;
  const { figures } = benches.calls;
  const isRate = (name) => name === 'flight' || name === 'objects';
  const show = (name, value) => (isRate(name) ? Math.round(value * 1000).toLocaleString('en') : short(value));
  const cell = (name, who) => (figures[name]?.[who] === undefined ? '–' : show(name, figures[name][who]));
  const rows = Object.keys(figures.flight).map((who) => [who, ...CALLS.map(([name]) => cell(name, who))]);
  return table(['', ...CALLS.map(([, title]) => title)], rows);
}

/** Ours as multiples of the best of the other pools. */
export function callsBeside() {
  if (!benches.calls) return notRecorded;
  const { figures } = benches.calls;
  const processes = ['tinypool (processes)', 'jest-worker (processes)', 'workerpool (processes)'];
  const best = (name, pick, all) => pick(...all.map((who) => figures[name]?.[who]).filter(Number.isFinite));
  const ratio = (name, who, pick, all) => short(figures[name][who] / best(name, pick, all));
  const rows = ['Node pool, Rust (blocking)', 'Node pool, Node', 'Rust pool, Node', 'Rust pool, Rust'].map((who) => [
    who,
    ratio('flight', who, Math.max, processes),
    ratio('flight', who, Math.max, ['piscina (threads)']),
    ratio('single', who, Math.min, processes),
    ratio('start', who, Math.min, processes),
    ratio('memory', who, Math.min, processes),
  ]);
  const of = (what) => `${what}, of the best process pool's`;
  const head = ['', of('calls in a second'), "of piscina's", of('time of one call'), of('start'), of('memory')];
  return table(head, rows);
}

/** Where and how the figures were measured. */
export function how() {
  const names = {
    ipc: 'npm run bench',
    cluster: 'npm run bench:cluster',
    fd: 'npm run bench:fd',
    calls: 'npm run bench:calls',
    run: 'npm run bench:run',
  };
  const rows = Object.entries(benches).map(([bench, { date, node, runs, processors, load }]) => {
    return [`\`${names[bench]}\``, date, `Node ${node}`, processors, `${runs}`, `${load}`];
  });
  return table(
    ['figures of', 'recorded', 'with', 'processors', 'runs (medians are shown)', 'load average at the end'],
    rows,
  );
}
