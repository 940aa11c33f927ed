// The addon and the command as in the packages: release builds, where js/load.cjs finds them.
//
//   node test/node/native.mjs FILE   builds them, and writes their paths to FILE as JSON
//
// A test that is run alone builds them too. CROSSFORK_NATIVE is a file that was written before.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import '../environment.mjs';

const { buildNative } = createRequire(import.meta.url)('../../js/build.cjs');

/** The paths of the addon and the command. */
export const [addon, command] = process.env.CROSSFORK_NATIVE
  ? JSON.parse(readFileSync(process.env.CROSSFORK_NATIVE, 'utf8'))
  : buildNative();

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(process.argv[2], JSON.stringify([addon, command]));
}
