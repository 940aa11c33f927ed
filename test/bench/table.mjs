// The table that people read.

import { sizeName } from './figures.mjs';
import { NODE, OURS, PARENTS } from './plan.mjs';

const COLUMNS = [NODE, ...OURS, 'worker', 'bare', 'limit'];
const RATIOS = OURS.flatMap((ours) => [NODE, 'bare'].map((other) => [ours, other]));

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

/** The lines of the table of children, and of the table of parents. */
export function tables(scenarios, figures) {
  const children = scenarios.filter(({ child }) => !child);
  const parents = scenarios.filter(({ child }) => child);
  return [
    ...(children.length > 0 ? table('children', COLUMNS, children, figures) : []),
    ...(parents.length > 0 ? table('parents', PARENTS, parents, figures) : []),
  ];
}

function table(name, columns, scenarios, figures) {
  const rows = [[name, '', 'unit', ...columns, ...RATIOS.map(([ours, other]) => `${ours}/${other}`)]];
  for (const scenario of scenarios) {
    for (const metric of scenario.show) {
      for (const { size } of scenario.cases) rows.push(row(columns, scenario, metric, size, figures));
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

function row(columns, { name, title, contestants }, metric, size, figures) {
  const { unit, scale, of } = METRICS[metric];
  const value = (contestant) => {
    const median = contestants.includes(contestant) ? figures.get(name, size, contestant, metric) : undefined;
    return median === undefined ? '' : short(median * scale);
  };
  const ratio = ([ours, other]) => {
    const quotient = figures.ratio(name, size, metric, ours, other);
    return quotient === undefined ? '' : quotient.toFixed(2);
  };
  return [of ? `${title}: ${of}` : title, sizeName(size), unit, ...columns.map(value), ...RATIOS.map(ratio)];
}

/** Three digits that matter. */
function short(value) {
  if (value >= 100) return Math.round(value).toString();
  return value.toFixed(value >= 10 ? 1 : value >= 1 ? 2 : 3);
}
