// A Rust primary with real programs as workers, by group.
export { addresses } from './addresses.mjs';
export { connections } from './connections.mjs';
export { endings } from './endings.mjs';
export { events } from './events.mjs';
