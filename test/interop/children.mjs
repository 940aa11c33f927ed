// The Rust children under test.
import { artifact } from '../artifacts.mjs';

const command = artifact('crossfork');
const child = artifact('interop-child');

/** What the child is called on its own command line, and the executable that it is. */
export const children = [
  { kind: 'worker', binary: command },
  { kind: 'blocking', binary: child },
  { kind: 'tokio', binary: child },
];
