// The combinations that the interop suites test. test/cells.mjs selects from them the cells that `npm test` runs.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cells } from '../cells.mjs';
import { runtimes } from '../runtimes/index.mjs';

const nodes = runtimes.filter(({ kind }) => kind === 'node').map(({ name }) => name);
const others = runtimes.filter(({ kind }) => kind !== 'node').map(({ name }) => name);
const isNode = (name) => nodes.includes(name);

/** The oldest and the newest Node: most differences between versions show at one of them. */
const ENDS = [...new Set([nodes[0], nodes.at(-1)])];
const atEnds = ({ runtime }) => ENDS.includes(runtime);

/** The Node that runs the heavy scenarios, once per mode. */
const HEAVY_ON = nodes[Math.floor(nodes.length / 2)];

const CHILDREN = ['worker', 'blocking', 'tokio'];
const DRIVERS = ['blocking', 'tokio'];
const MODES = ['json', 'advanced'];

/**
 * Versions of Node differ little: each scenario is run on the oldest in one mode and on the newest in the other, and on one
 * between them. Bun and Deno run all.
 */
function turn({ runtime, mode }) {
  const group = [ENDS, nodes.slice(1, -1)].find((group) => group.includes(runtime));
  if (!group || group.length === 1) return undefined;
  return `${((group.indexOf(runtime) + MODES.indexOf(mode)) % group.length) + 1}/${group.length}`;
}

/** Node, Bun and Deno as the parent of the Rust children. See scenarios/. */
export const children = (() => {
  const only = {
    json: ['backpressure.cjs', 'draining.cjs', 'establishment.cjs'], // the mode makes no difference here
    advanced: ['advanced.cjs', 'advanced-values.cjs'],
    dialects: ['dialects.cjs'], // Bun and Deno have an `advanced` mode, but with their own formats
  };
  const file = readdirSync(join(import.meta.dirname, 'scenarios')).filter((file) => file !== 'soak.cjs');
  const both = file.filter((file) => !Object.values(only).flat().includes(file));
  const possible = ({ runtime, child, mode, file }) => {
    if (file === 'draining.cjs' && child !== 'worker') return false; // it tests the command's services
    if (mode === 'json') return both.includes(file) || only.json.includes(file);
    if (isNode(runtime)) return both.includes(file) || only.advanced.includes(file);
    return only.dialects.includes(file);
  };
  return cells(
    { runtime: [...nodes, ...others], child: CHILDREN, mode: MODES, file },
    {
      possible,
      onlyHeavy: ({ file }) => file === 'backpressure.cjs',
      turn,
      heavy: ({ runtime, child, mode }) => runtime === HEAVY_ON && child === (mode === 'json' ? 'blocking' : 'tokio'),
      cover: [{ names: ['runtime', 'mode', 'file'], when: atEnds }],
    },
  );
})();

/** Either driver as the parent of Node, Bun, Deno and the Rust children. See parent/scenarios/. */
export const parents = (() => {
  const only = { json: ['establishment'], advanced: ['advanced'], dialects: ['dialects'] };
  const both = ['messages', 'given', 'taken', 'order', 'never', 'sockets', 'life', 'pressure'];
  const possible = ({ runtime, mode, group }) => {
    if (mode === 'json') return both.includes(group) || only.json.includes(group);
    if (!others.includes(runtime)) return both.includes(group) || only.advanced.includes(group);
    return only.dialects.includes(group);
  };
  return cells(
    {
      runtime: [...nodes, ...others, ...CHILDREN.map((kind) => `rust ${kind}`)],
      driver: DRIVERS,
      mode: MODES,
      group: [...Object.values(only).flat(), ...both],
    },
    {
      possible,
      onlyHeavy: ({ group }) => group === 'pressure',
      turn,
      heavy: ({ runtime, driver, mode }) => runtime === HEAVY_ON && driver === (mode === 'json' ? 'blocking' : 'tokio'),
      cover: [{ names: ['runtime', 'mode', 'group'], when: atEnds }],
    },
  );
})();

const POLICIES = ['rr', 'shared'];
const NODE_POLICIES = ['rr', 'none'];

/** Node as the primary of Rust workers. See cluster/. */
export const clusterWorkers = cells(
  { runtime: nodes, worker: CHILDREN, policy: NODE_POLICIES, mode: MODES, file: ['serving.cjs', 'ending.cjs'] },
  { turn, cover: [{ names: ['runtime', 'worker', 'file'], when: atEnds }] },
);

/** Our primary of Node workers. See cluster-primary/scenarios/. */
export const clusterPrimary = cells(
  { runtime: nodes, policy: POLICIES, mode: MODES, group: ['events', 'connections', 'addresses', 'endings'] },
  {
    // The serialization makes no difference for the other groups.
    possible: ({ mode, group }) => mode === 'json' || ['events', 'connections'].includes(group),
    cover: [{ names: ['runtime', 'policy', 'group'], when: atEnds }],
  },
);

/** Our primary of Rust workers. */
export const clusterRust = cells({ worker: CHILDREN, policy: POLICIES, mode: MODES });
