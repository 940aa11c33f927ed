// The figures that were seen: the runs of each, and their medians.

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** What tells a scenario's cases apart: their names, or the sizes of their messages. */
export function caseKey({ name, size }) {
  return name ?? size;
}

/** How a case is called by its key; empty if there is only one. */
export function caseName(key) {
  if (key === undefined || typeof key === 'string') return key ?? '';
  return sizeName(key);
}

function sizeName(size) {
  if (size < 1024) return `${size} B`;
  return size < 1024 * 1024 ? `${size / 1024} KiB` : `${size / 1024 / 1024} MiB`;
}

export class Figures {
  #runs = new Map();

  add(scenario, one, contestant, result) {
    for (const [metric, value] of Object.entries(result)) {
      if (value === undefined || Number.isNaN(value)) continue;
      const key = [scenario, one ?? '', contestant, metric].join('|');
      if (!this.#runs.has(key)) this.#runs.set(key, []);
      this.#runs.get(key).push(value);
    }
  }

  /** The median, or undefined where nothing was measured. */
  get(scenario, one, contestant, metric) {
    const runs = this.#runs.get([scenario, one ?? '', contestant, metric].join('|'));
    return runs && median(runs);
  }

  /** The quotient of two contestants' medians. */
  ratio(scenario, one, metric, contestant, other) {
    const value = this.get(scenario, one, contestant, metric);
    const divisor = this.get(scenario, one, other, metric);
    return value === undefined || divisor === undefined ? undefined : value / divisor;
  }

  /** What was measured, such as `receive 64 B: rate`, with the median of each contestant. */
  medians() {
    const medians = {};
    for (const { scenario, case: one, contestant, metric, median } of this.toJSON()) {
      const size = /^\d+$/.test(one) ? Number(one) : one || undefined;
      const title = `${[scenario, caseName(size)].filter(Boolean).join(' ')}: ${metric}`;
      medians[title] = { ...medians[title], [contestant]: median };
    }
    return medians;
  }

  toJSON() {
    return [...this.#runs].map(([key, runs]) => {
      const [scenario, one, contestant, metric] = key.split('|');
      return { scenario, case: one, contestant, metric, median: median(runs), runs };
    });
  }
}
