// The figures that were seen: the runs of each, and their medians.

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The name of a message's size; empty for what has none. */
export function sizeName(size) {
  if (size === undefined) return '';
  if (size < 1024) return `${size} B`;
  return size < 1024 * 1024 ? `${size / 1024} KiB` : `${size / 1024 / 1024} MiB`;
}

export class Figures {
  #runs = new Map();

  add(scenario, size, contestant, result) {
    for (const [metric, value] of Object.entries(result)) {
      if (value === undefined || Number.isNaN(value)) continue;
      const key = [scenario, size ?? '', contestant, metric].join('|');
      if (!this.#runs.has(key)) this.#runs.set(key, []);
      this.#runs.get(key).push(value);
    }
  }

  /** The median, or undefined where nothing was measured. */
  get(scenario, size, contestant, metric) {
    const runs = this.#runs.get([scenario, size ?? '', contestant, metric].join('|'));
    return runs && median(runs);
  }

  /** The quotient of two contestants' medians. */
  ratio(scenario, size, metric, contestant, other) {
    const value = this.get(scenario, size, contestant, metric);
    const divisor = this.get(scenario, size, other, metric);
    return value === undefined || divisor === undefined ? undefined : value / divisor;
  }

  toJSON() {
    return [...this.#runs].map(([key, runs]) => {
      const [scenario, size, contestant, metric] = key.split('|');
      return { scenario, size: size === '' ? undefined : Number(size), contestant, metric, median: median(runs), runs };
    });
  }
}
