import { dirname } from 'node:path';

const packages = dirname(import.meta.dirname);

/** The packages are in the folder above, so that is the root, as in a repository with several packages. */
export default { output: process.env.OUTPUT, outputFileTracingRoot: packages, turbopack: { root: packages } };
