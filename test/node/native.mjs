// What tests of the package need: the addon and the command, built, in the place where js/load.cjs finds them.
import { createRequire } from 'node:module';

const { buildNative } = createRequire(import.meta.url)('../../js/build.cjs');

/** Their paths. */
export const [addon, command] = buildNative();
