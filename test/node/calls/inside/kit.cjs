'use strict';

// Runs the scenarios of one file inside one runtime, and prints a JSON line for each, as `test/node/inside/kit.cjs` does,
// which needs the addon. Calls do not.

const childProcess = require('node:child_process');
const { readdirSync } = require('node:fs');
const { join } = require('node:path');
const { inTurn } = require('../../../interop/kit/turn.cjs');
const { until, within } = require('../../../interop/kit/wait.cjs');

const crossfork = require('../../../../js/index.cjs');

const DEADLINE_MS = process.env.CROSSFORK_TIER === 'full' ? 1_800_000 : 120_000;
const isNode = process.versions.bun === undefined && process.versions.deno === undefined;

/** The serializations that this runtime speaks with its children. */
const MODES = isNode ? ['json', 'advanced'] : ['json'];

const workerPath = (name) => join(__dirname, '../workers', `${name}.cjs`);

/** Runs the scenarios, so many at once; those that look at the whole process have it for themselves in the end. */
async function run(all, { atOnce = 1 } = {}) {
  let failed = false;
  const scenarios = inTurn(Object.entries(all)).map(([name, scenario]) => [
    name,
    typeof scenario === 'function' ? { run: scenario } : scenario,
  ]);
  const runEach = async (some) => {
    for (let next = some.shift(); next !== undefined; next = some.shift()) {
      const result = await one(...next);
      failed ||= result.outcome === 'failed';
      console.log(JSON.stringify(result));
    }
  };
  const beside = scenarios.filter(([, { isAlone }]) => !isAlone);
  await Promise.all(Array.from({ length: atOnce }, () => runEach(beside)));
  await runEach(scenarios.filter(([, { isAlone }]) => isAlone));
  console.log(JSON.stringify({ finished: true }));
  process.exit(failed ? 1 : 0);
}

async function one(name, { unless, run }) {
  const reason = unless?.();
  if (reason) return { name, outcome: 'skipped', detail: reason };
  const scope = new Scope();
  try {
    await within(Promise.resolve(run(scope)), 'the end of the scenario', DEADLINE_MS);
    await scope.clean();
    return { name, outcome: 'passed' };
  } catch (error) {
    await scope.clean().catch(() => {});
    return { name, outcome: 'failed', detail: String(error?.stack ?? error) };
  }
}

/** What a scenario works with, and what is cleaned up behind it. */
class Scope {
  #cleanups = [];

  after(cleanup) {
    this.#cleanups.push(cleanup);
  }

  async clean() {
    for (const cleanup of this.#cleanups.splice(0).reverse()) await cleanup();
  }

  fork(name = 'methods', { args = [], ...options } = {}) {
    const child = childProcess.fork(workerPath(name), args, options);
    const exit = new Promise((resolve) => child.once('exit', resolve));
    this.after(async () => {
      child.kill('SIGKILL');
      await exit;
    });
    return child;
  }

  /** The other end of a worker's channel. */
  connect(name, { methods, ordered, ...options } = {}) {
    const child = this.fork(name, options);
    return Object.assign(crossfork.connectCalls(child, { methods, ordered }), { child });
  }

  pool(name = 'methods', options = {}) {
    const pool = new crossfork.Pool(workerPath(name), { size: 2, ...options });
    this.after(() => pool.destroy());
    return pool;
  }
}

/** A scenario that no other runs beside. */
const alone = (run) => ({ run, isAlone: true });

/** How many descriptors there are, where the runtime does not open some by itself. */
const openFds = () => readdirSync('/proc/self/fd').length;

module.exports = { alone, crossfork, isNode, MODES, openFds, run, until, within, workerPath };
