// Tables of `npm run bench:run`: `crossfork run` beside other runners.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const { run } = JSON.parse(readFileSync(join(import.meta.dirname, '../figures.json'), 'utf8'));

const RUNNERS = {
  'crossfork run': '`crossfork run`',
  'crossfork run --no-shim': '`--no-shim`',
  "Node's cluster": "Node's cluster",
  'pm2-runtime': '`pm2-runtime`',
  wattpm: '`wattpm`',
};
const CLIENTS = ['a connection each', 'keep-alive without pauses', 'keep-alive with pauses', 'open loop'];
const HTTP = [...CLIENTS.flatMap((kind) => [`${kind}, 0 ms`, `${kind}, 100 ms`]), 'streams of 5 s'];

/** What an operator asks first: what each runner loses. */
export function summary() {
  const killed = ['a connection each', 'keep-alive with pauses', 'open loop'];
  const goodbyes = ['reload: WebSockets', 'stop: WebSockets'];
  return table('under the same load', [
    ['requests lost in a reload', sumOf('handover', prefixed('reload', HTTP), 'lost')],
    ['requests lost in a stop', sumOf('handover', prefixed('stop', HTTP), 'lost')],
    ['WebSockets closed without a close frame', sumOf('handover', goodbyes, 'lost')],
    ['clients that hang when workers get SIGKILL', sumOf('kills', killed, 'hung')],
    ['answered while a request a second ends its worker', share('poison', 'other requests')],
    ['answered after a deploy that throws at its start', share('deploys', 'throws at its start')],
    ['answered after a deploy that never listens', share('deploys', 'never listens')],
    ['answered after a deploy that exits after a second', share('deploys', 'exits after a second')],
    ['answered after a deploy that answers 500 (`--ready-url`)', share('deploys', 'answers 500')],
  ]);
}

/** Reload and stop, for each kind of client. */
export function handover() {
  const rows = ['reload', 'stop'].flatMap((what) => prefixed(what, [...HTTP, 'WebSockets']));
  return table(
    'requests lost',
    rows.map((title) => [title, sumOf('handover', [title], 'lost')]),
  );
}

export function cost() {
  const titles = [
    ...['first answer after, ms', 'memory, idle, MB', 'memory, loaded, MB'],
    ...['keep-alive', 'a connection each'].flatMap((kind) => [
      `${kind}: requests a second`,
      `${kind}: processor time of a request, µs`,
    ]),
  ];
  return table(
    'two workers',
    titles.map((title) => [title, (name) => shown(figure('cost', title, 'value', name))]),
  );
}

/** How much more processor time the workers need for a request with the preload. */
export function preload() {
  const percent = (value) => `${value > 0 ? '+' : ''}${value.toFixed(1)} %`;
  const rows = ['keep-alive', 'a connection each'].flatMap((title) => {
    const [value, least, most] = ['value', 'least', 'most'].map((each) =>
      figure('preload', title, each, 'crossfork run'),
    );
    return value === undefined ? [] : [`| ${title} | ${percent(value)} | ${percent(least)} to ${percent(most)} |`];
  });
  if (rows.length === 0) return MISSING;
  return ['| processor time of the workers for a request | median | all rounds |', '|---|---|---|', ...rows].join('\n');
}

const MISSING = 'Not recorded yet: `npm run bench:run -- --record`.';

const prefixed = (what, titles) => titles.map((title) => `${what}: ${title}`);

const figure = (exam, title, name, runner) => run?.figures[`${exam}, ${title}: ${name}`]?.[runner];

/** A sum over several titles, with how many requests it is out of. */
function sumOf(exam, titles, name) {
  return (runner) => {
    const known = titles.filter((title) => figure(exam, title, name, runner) !== undefined);
    if (known.length === 0) return '';
    const sum = (each) => known.reduce((total, title) => total + (figure(exam, title, each, runner) ?? 0), 0);
    return `${sum(name)} of ${(sum('asked') - sum('refused')).toLocaleString('en')}`;
  };
}

function share(exam, title) {
  return (runner) => {
    const [ok, asked] = ['ok', 'asked'].map((name) => figure(exam, title, name, runner));
    return asked === undefined ? '' : `${((ok / asked) * 100).toFixed(1)} %`;
  };
}

const shown = (value) => (value === undefined ? '' : Number(value.toPrecision(3)).toLocaleString('en'));

/** A column for each runner. Rows that nobody has a figure for are left out. */
function table(title, rows) {
  const cells = rows.map(([text, show]) => [text, ...Object.keys(RUNNERS).map(show)]);
  const known = cells.filter(([, ...values]) => values.some(Boolean));
  if (known.length === 0) return MISSING;
  const head = [title, ...Object.values(RUNNERS)];
  const line = (each) => `| ${each.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...known.map(line)].join('\n');
}
