'use strict';

/** Each power of two has so many steps: a figure is at most an eighth too large. */
const STEPS = 8;

/** Values are counted in units of this many milliseconds. */
const UNIT = 0.001;

/** How long something took, over many times, in little memory. */
class Histogram {
  #counts = new Uint32Array(STEPS * 44);
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  record(ms) {
    this.#count += 1;
    this.#sum += ms;
    if (ms < this.#min) this.#min = ms;
    if (ms > this.#max) this.#max = ms;
    this.#counts[placeOf(ms / UNIT)] += 1;
  }

  /** In milliseconds. */
  summary() {
    if (this.#count === 0) return { count: 0, min: 0, mean: 0, p50: 0, p90: 0, p99: 0, max: 0 };
    const at = (fraction) => this.#percentile(fraction);
    const [min, mean, max] = [this.#min, this.#sum / this.#count, this.#max];
    return { count: this.#count, min, mean, p50: at(0.5), p90: at(0.9), p99: at(0.99), max };
  }

  #percentile(fraction) {
    let left = Math.ceil(this.#count * fraction);
    const place = this.#counts.findIndex((count) => {
      left -= count;
      return left <= 0;
    });
    return Math.min(this.#max, Math.max(this.#min, endOf(place) * UNIT));
  }
}

function placeOf(units) {
  if (units < STEPS) return Math.max(0, Math.floor(units));
  // A logarithm takes several times as long, for all that is shorter than half an hour.
  const power = units < 2 ** 31 ? 31 - Math.clz32(units) : Math.min(Math.floor(Math.log2(units)), 43);
  const step = Math.floor((units / 2 ** power - 1) * STEPS);
  return (power - 2) * STEPS + Math.min(step, STEPS - 1);
}

/** The largest value of a place. */
function endOf(place) {
  if (place < STEPS) return place + 1;
  const power = Math.floor(place / STEPS) + 2;
  return 2 ** power * (1 + ((place % STEPS) + 1) / STEPS);
}

module.exports = { Histogram };
