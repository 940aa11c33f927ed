// The Rust workers of a cluster under test.
import { artifact } from '../../artifacts.mjs';

const command = artifact('crossfork');
const worker = artifact('interop-cluster-worker');

/** What the worker is called on its own command line, and the executable that it is. */
export const workers = [
  { kind: 'worker', binary: command },
  { kind: 'blocking', binary: worker },
  { kind: 'tokio', binary: worker },
];
