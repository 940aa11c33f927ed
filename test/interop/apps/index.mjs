// Servers as people write them, with frameworks from npm and without.
import { join } from 'node:path';
import { install } from '../install.mjs';

install(import.meta.dirname);

/** The path of one of the programs here. */
export const app = (name) => join(import.meta.dirname, `${name}.cjs`);
