// The Rust workers of a cluster under test, built from this tree, or given ready-made by their variables.
import { createRequire } from 'node:module';

const { build } = createRequire(import.meta.url)('../../../js/build.cjs');

const command = process.env.CROSSFORK_BIN ?? build({ bin: 'crossfork', features: ['cli'] });
const worker =
  process.env.CROSSFORK_CLUSTER_WORKER ?? build({ example: 'interop-cluster-worker', features: ['tokio'] });

/** What the worker is called on its own command line, and the executable that it is. */
export const workers = [
  { kind: 'worker', binary: command },
  { kind: 'blocking', binary: worker },
  { kind: 'tokio', binary: worker },
];
