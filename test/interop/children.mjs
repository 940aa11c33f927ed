// The Rust children under test, built from this tree, or given ready-made by their variables.
import { createRequire } from 'node:module';

const { build } = createRequire(import.meta.url)('../../js/build.cjs');

const command = process.env.CROSSFORK_BIN ?? build({ bin: 'crossfork', features: ['cli'] });
const child = process.env.CROSSFORK_INTEROP_CHILD ?? build({ example: 'interop-child', features: ['tokio'] });

/** What the child is called on its own command line, and the executable that it is. */
export const children = [
  { kind: 'worker', binary: command },
  { kind: 'blocking', binary: child },
  { kind: 'tokio', binary: child },
];
