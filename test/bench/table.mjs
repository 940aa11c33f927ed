// The tables that people read.

import { CODECS, MODES } from './advanced-plan.mjs';
import { caseKey, caseName } from './figures.mjs';
import { NODE, OURS, PARENTS } from './plan.mjs';

const sideBySide = OURS.flatMap((ours) => [NODE, 'bare'].map((other) => [ours, other]));

/** The columns of each table, and which of them are divided by which. */
const TABLES = {
  children: { columns: [NODE, ...OURS, 'worker', 'bare', 'limit'], ratios: sideBySide },
  parents: { columns: PARENTS, ratios: sideBySide },
  values: {
    columns: CODECS,
    ratios: [
      ['typed', NODE],
      ['value', NODE],
      ['typed', 'memcpy'],
      ['value', 'memcpy'],
    ],
  },
  modes: {
    columns: MODES,
    ratios: [
      ...OURS.map((ours) => [ours, NODE]),
      ['blocking', 'blocking json'],
      ['blocking', 'blocking base64'],
      [NODE, 'node json'],
    ],
  },
};

const METRICS = {
  rate: { unit: 'thousand/s', scale: 1e-3, of: '' },
  time: { unit: 'µs', scale: 1, of: '' },
  cpu: { unit: 'µs', scale: 1, of: "child's CPU" },
  rss: { unit: 'MB', scale: 1e-6, of: 'memory after' },
  byte: { unit: 'ns/byte', scale: 1, of: '' },
  cpuByte: { unit: 'ns/byte', scale: 1, of: "child's CPU" },
  parentCpu: { unit: 'µs', scale: 1, of: "parent's CPU" },
  parentRss: { unit: 'MB', scale: 1e-6, of: "parent's memory" },
};

/** The lines of all tables that have something in them. */
export function tables(scenarios, figures) {
  return Object.entries(TABLES).flatMap(([name, { columns, ratios }]) => {
    const own = scenarios.filter((scenario) => tableOf(scenario) === name);
    return own.length > 0 ? table(name, columns, ratios, own, figures) : [];
  });
}

export function tableOf({ table, child }) {
  return table ?? (child ? 'parents' : 'children');
}

function table(name, columns, ratios, scenarios, figures) {
  const rows = [[name, '', 'unit', ...columns, ...ratios.map(([one, other]) => `${one}/${other}`)]];
  for (const scenario of scenarios) {
    for (const metric of scenario.show) {
      for (const one of scenario.cases) rows.push(row(columns, ratios, scenario, metric, caseKey(one), figures));
      rows.push([]);
    }
  }
  const widths = rows[0].map((_, i) => Math.max(...rows.map((cells) => (cells[i] ?? '').length)));
  return rows.map((cells) =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join('  ')
      .trimEnd(),
  );
}

function row(columns, ratios, { name, title }, metric, key, figures) {
  const { unit, scale, of } = METRICS[metric];
  const value = (contestant) => {
    const median = figures.get(name, key, contestant, metric);
    return median === undefined ? '' : short(median * scale);
  };
  const ratio = ([one, other]) => {
    const quotient = figures.ratio(name, key, metric, one, other);
    return quotient === undefined ? '' : quotient.toFixed(2);
  };
  return [of ? `${title}: ${of}` : title, caseName(key), unit, ...columns.map(value), ...ratios.map(ratio)];
}

/** Three digits that matter. */
function short(value) {
  if (value >= 100) return Math.round(value).toString();
  return value.toFixed(value >= 10 ? 1 : value >= 1 ? 2 : 3);
}
