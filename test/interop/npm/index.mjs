// Programs from npm.
import { install } from '../install.mjs';

/** Where the packages are. */
export const modules = install(import.meta.dirname);
