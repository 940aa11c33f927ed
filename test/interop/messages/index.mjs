// Programs whose workers send each other messages.
import { join } from 'node:path';
import { install } from '../install.mjs';

/** Where the packages are. */
export const modules = install(import.meta.dirname);

/** The path of one of the programs here. */
export const program = (name) => join(import.meta.dirname, `${name}.cjs`);
