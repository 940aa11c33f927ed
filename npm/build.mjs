// `npm run release:build -- PLATFORM...`: builds the addon and the command for these platforms, by default for this
// machine's, into target/packages/native/. Links with zig, so that they run on older systems than the build machine.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { buildTraces, mismatches } from './elf.mjs';
import { notices } from './notices.mjs';
import { GLIBC, platforms } from './platforms.mjs';
import { main, PACKAGES, ROOT } from './project.mjs';

const { buildNative, platform: here } = createRequire(import.meta.url)('../js/build.cjs');

const CARGO_HOME = process.env.CARGO_HOME ?? join(homedir(), '.cargo');
const SYSROOT = execFileSync('rustc', ['--print', 'sysroot'], { encoding: 'utf8' }).trim();

/** Paths of the build machine, and their replacements in the files. */
const HIDDEN = [
  [ROOT, '/crossfork'],
  [CARGO_HOME, '/cargo'],
  [SYSROOT, '/rust'],
];

function buildFor({ name, target, libc, ...platform }) {
  const how = (...flags) => {
    const remapped = HIDDEN.map(([from, to]) => `--remap-path-prefix=${from}=${to}`);
    return {
      subcommand: 'zigbuild',
      args: ['--locked', '--target', libc === 'glibc' ? `${target}.${GLIBC}` : target],
      env: { CARGO_ENCODED_RUSTFLAGS: [...remapped, ...flags].join('\x1f') },
    };
  };
  const folder = join(PACKAGES, 'native', name);
  rmSync(folder, { recursive: true, force: true });
  // On musl a library must be linked dynamically; a program need not be.
  const addon = libc === 'musl' ? how('-Ctarget-feature=-crt-static') : how();
  const files = buildNative(folder, { addon, command: how() });
  const folders = [...HIDDEN.map(([from]) => from), homedir()].map((path) => `${path}/`);
  const wrong = files.flatMap((file) => [
    ...mismatches(file, { libc, ...platform }, GLIBC),
    ...buildTraces(file, folders),
  ]);
  if (wrong.length > 0) throw new Error(wrong.join('\n'));
  writeFileSync(join(folder, 'NOTICES.md'), notices(target, libc === 'musl' ? [muslNotice()] : []));
  return files;
}

/** Returns musl's licence, because the command contains musl. */
function muslNotice() {
  const code = 'import os, ziglang; print(os.path.dirname(ziglang.__file__))';
  const folder = execFileSync('python3', ['-c', code], { encoding: 'utf8' }).trim();
  return readFileSync(join(folder, 'lib/libc/musl/COPYRIGHT'), 'utf8').trim();
}

await main((names) => {
  if (spawnSync('cargo', ['zigbuild', '--help'], { encoding: 'utf8' }).status !== 0) {
    throw new Error('cargo-zigbuild is not installed. Install it: pip install --requirement npm/requirements.txt');
  }
  for (const platform of platforms(names.length > 0 ? names : [here()])) {
    for (const file of buildFor(platform)) console.log(file);
  }
});
