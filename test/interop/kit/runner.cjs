'use strict';

// Runs the scenarios of one file inside one runtime, several at a time, and prints a JSON line for each:
//   {"name", "outcome": "passed" | "failed" | "skipped" | "left out", "detail"?, "ms"?}
// and {"finished": true} behind the last.
//
//   <runtime> <file>.cjs <kind> <binary> [options]
//     options: {"serialization": "json" | "advanced", "heavy": whether heavy ones are run too, "only": name,
//               "leaveOut": [beginnings of names], "wait": milliseconds for each event}

const { Rust } = require('./rust.cjs');
const { inTurn } = require('./turn.cjs');
const { setPatience, within } = require('./wait.cjs');

const DEADLINE_MS = 240_000;
const AT_ONCE = 4;

/**
 * @typedef {(t: Scope) => Promise<void>} Run
 * @typedef {{ kinds?: string[], modes?: string[], heavy?: boolean, deadline?: number, unless?: () => string | false,
 *   run: Run }} Scenario
 * @param {Record<string, Run | Scenario>} scenarios by name; `kinds` narrows it to some children and `modes` to one
 *   serialization, `heavy` marks what takes seconds of processor time, `unless` gives the reason why it cannot be run here
 */
async function run(scenarios) {
  const [kind, binary, options = '{}'] = process.argv.slice(2);
  const { serialization = 'json', heavy = true, only, leaveOut = [], wait } = JSON.parse(options);
  if (wait) setPatience(wait);
  const all = Object.entries(scenarios)
    .map(([name, scenario]) => ({ name, ...(typeof scenario === 'function' ? { run: scenario } : scenario) }))
    .filter(({ kinds = [kind], modes = [serialization] }) => kinds.includes(kind) && modes.includes(serialization))
    .filter((scenario) => heavy || !scenario.heavy);
  const queue = only ? all.filter(({ name }) => name === only) : inTurn(all);

  let failed = false;
  const lane = async () => {
    for (let scenario = queue.shift(); scenario; scenario = queue.shift()) {
      const { name } = scenario;
      const out = leaveOut.some((beginning) => name.startsWith(beginning));
      const result = out ? { name, outcome: 'left out' } : await one(scenario, { kind, binary, serialization });
      failed ||= result.outcome === 'failed';
      console.log(JSON.stringify(result));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  console.log(JSON.stringify({ finished: true }));
  // Not exitCode: a scenario that failed may have left something open.
  process.exit(failed ? 1 : 0);
}

async function one({ name, unless, deadline = DEADLINE_MS, run }, child) {
  const reason = unless?.();
  if (reason) return { name, outcome: 'skipped', detail: reason };
  const start = Date.now();
  const scope = new Scope(child);
  try {
    await within(run(scope), 'the end of the scenario', deadline);
    return { name, outcome: 'passed', ms: Date.now() - start };
  } catch (error) {
    return { name, outcome: 'failed', detail: `${error?.stack ?? error}${scope.stderr()}`, ms: Date.now() - start };
  } finally {
    await scope.clean();
  }
}

/** What a scenario works with: children that do not outlive it, and the like. */
class Scope {
  #children = [];
  #cleanups = [];

  constructor({ kind, binary, serialization }) {
    this.kind = kind;
    this.binary = binary;
    this.serialization = serialization;
  }

  /** A Rust child, started by fork() unless `options` say otherwise. */
  child(options) {
    const child = new Rust(this, options);
    this.#children.push(child);
    return child;
  }

  /** Another process that does not outlive the scenario: with a `pid`, `stderr` and `killNow()`. */
  adopt(child) {
    this.#children.push(child);
    return child;
  }

  after(cleanup) {
    this.#cleanups.push(cleanup);
  }

  /** What the children wrote on stderr, for a failure's report. */
  stderr() {
    return this.#children.map(({ pid, stderr }) => (stderr ? `\n[stderr of ${pid}] ${stderr}` : '')).join('');
  }

  async clean() {
    for (const child of this.#children) child.killNow();
    for (const cleanup of this.#cleanups.reverse()) await cleanup();
  }
}

module.exports = { run };
