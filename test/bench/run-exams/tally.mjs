// How many requests got which verdict.

const VERDICTS = ['ok', 'refused', 'reset', 'hung', 'wrong'];

export class Tally {
  ok = 0;
  refused = 0;
  reset = 0;
  hung = 0;
  wrong = 0;

  add(verdict) {
    this[verdict] += 1;
  }

  get asked() {
    return VERDICTS.reduce((sum, verdict) => sum + this[verdict], 0);
  }

  /** What is shown and recorded. `lost` is what should have got an answer and got none, or a wrong one. */
  get figures() {
    return { asked: this.asked, lost: this.reset + this.hung + this.wrong, ...this };
  }
}
