// Tests that can run on every Node. `npm test` runs each test on one Node, taking turns, so that all Nodes are used. Two of
// three turns go to the newest and the oldest Node. `npm run test:full` runs each test on all.
import { describe, test } from 'node:test';
import { AT_ONCE, selected } from '../cells.mjs';
import { runtimes } from '../runtimes/index.mjs';

const nodes = runtimes.filter(({ kind }) => kind === 'node');
const [oldest, newest, between] = [nodes[0], nodes.at(-1), nodes.slice(1, -1)];
const TURNS = between.length === 0 ? nodes : between.flatMap((node) => [newest, oldest, node]);

export class EveryNode {
  #tests = [];

  /**
   * @param {(runtime: object) => string | false} [options.skip] why it cannot run on a Node
   * @param {(t: object, runtime: object) => Promise<void>} run
   */
  test(name, { skip = () => false, ...options }, run) {
    this.#tests.push({ name, skip, options, run });
  }

  /** Registers the tests of this run with `node:test`. Call it after the last call of `test`. */
  register() {
    const cells = selected(nodes.flatMap((runtime) => this.#tests.map((test, i) => cell(runtime, test, i))));
    describe('every Node', { concurrency: AT_ONCE }, () => {
      for (const { runtime, test: one } of cells) {
        const options = { ...one.options, skip: one.skip(runtime) };
        test(`${runtime.name}: ${one.name}`, options, (t) => one.run(t, runtime));
      }
    });
  }
}

function cell(runtime, test, i) {
  const turns = TURNS.map((_, turn) => TURNS[(i + turn) % TURNS.length]);
  const home = turns.find((node) => !test.skip(node)) ?? newest;
  return { runtime, test, tier: runtime === home ? 'quick' : 'full', heavy: false };
}
