// Programs that others wrote.
import { install } from '../../../interop/install.mjs';

/** Where the packages are. */
export const modules = install(import.meta.dirname);
