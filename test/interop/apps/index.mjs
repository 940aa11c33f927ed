// Servers as people write them, with frameworks from npm and without.
import { extname, join } from 'node:path';
import { install } from '../install.mjs';

install(import.meta.dirname);

/** The path of one of the programs here. They are CommonJS, unless the name says something else. */
export const app = (name) => join(import.meta.dirname, extname(name) ? name : `${name}.cjs`);
