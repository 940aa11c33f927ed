// The Rust children under test.
import { artifact } from '../artifacts.mjs';

const command = artifact('crossfork');
const child = artifact('interop-child');

/** The kind, which the executable gets as its first argument, and the executable. */
export const children = [
  { kind: 'worker', binary: command },
  { kind: 'blocking', binary: child },
  { kind: 'tokio', binary: child },
];
