// The runtimes that play the parent in the interop matrix. The first import on a machine installs them from npm.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import '../environment.mjs';

const here = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
const installed = join(here, 'node_modules');

const PACKAGED = [
  { name: 'node18', kind: 'node', major: 18, bin: 'node18/bin/node' },
  { name: 'node20', kind: 'node', major: 20, bin: 'node20/bin/node' },
  { name: 'node22', kind: 'node', major: 22, bin: 'node22/bin/node' },
  { name: 'node24', kind: 'node', major: 24, bin: 'node24/bin/node' },
  { name: 'node26', kind: 'node', major: 26, bin: 'node26/bin/node' },
  { name: 'bun', kind: 'bun', major: 1, bin: '@oven/bun-linux-x64/bin/bun' },
  { name: 'deno', kind: 'deno', major: 2, bin: '@deno/linux-x64-glibc/deno' },
];

/** The runtimes to test with: `{ name, kind, major, bin }[]`, narrowed by CROSSFORK_RUNTIMES=node20,bun. */
export const runtimes = choose(available(), process.env.CROSSFORK_RUNTIMES);

/** For tests that need some Node, whichever it is: they are skipped where none is chosen. */
export const someNode = runtimes.find(({ kind }) => kind === 'node');
export const withoutNode = someNode === undefined && 'there is no Node among the runtimes';

/** The arguments that make `runtime` run the CommonJS file `script`. */
export function commandLine(runtime, script, args = []) {
  return runtime.kind === 'deno' ? ['run', '--quiet', '--allow-all', script, ...args] : [script, ...args];
}

/** Keeps the runtimes whose names are in `names` (comma-separated; all when it is empty). */
export function choose(all, names = '') {
  const wanted = names
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
  const unknown = wanted.filter((name) => !all.some((runtime) => runtime.name === name));
  if (unknown.length > 0) {
    throw new Error(`CROSSFORK_RUNTIMES: no ${unknown.join(', ')} here, only ${all.map((r) => r.name).join(', ')}`);
  }
  return wanted.length === 0 ? all : all.filter((runtime) => wanted.includes(runtime.name));
}

function available() {
  if (!packagesCover(process.platform, process.arch, process.report.getReport().header.glibcVersionRuntime)) {
    console.error(`runtimes: none packaged for ${process.platform} ${process.arch}, only ${process.version} is tested`);
    const major = Number.parseInt(process.versions.node, 10);
    return [{ name: `node${major}`, kind: 'node', major, bin: process.execPath }];
  }
  install();
  return PACKAGED.map((runtime) => ({ ...runtime, bin: join(installed, runtime.bin) }));
}

/** The packages hold glibc Linux binaries for x86-64. */
export function packagesCover(platform, arch, glibc) {
  return platform === 'linux' && arch === 'x64' && glibc !== undefined;
}

/**
 * Installs beside node_modules and renames into place: test files are separate processes, two of them may come
 * here at once, and none may ever see half an installation.
 */
function install() {
  const lock = createHash('sha256')
    .update(readFileSync(join(here, 'package-lock.json')))
    .digest('hex');
  const stamp = join(installed, '.installed-from');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;

  console.error('runtimes: installing Node 18 to 26, Bun and Deno from npm into test/runtimes (about 1 GB, once)');
  const fresh = mkdtempSync(join(here, '.installing-'));
  try {
    for (const file of ['package.json', 'package-lock.json', '.npmrc'])
      copyFileSync(join(here, file), join(fresh, file));
    // Their packages carry a bin called "node", which would shadow the real one in every npm script.
    execFileSync('npm', ['ci', '--no-bin-links', '--loglevel=error'], { cwd: fresh, stdio: ['ignore', 2, 2] });
    writeFileSync(join(fresh, 'node_modules', '.installed-from'), lock);
    if (existsSync(installed)) renameSync(installed, join(fresh, 'replaced'));
    renameSync(join(fresh, 'node_modules'), installed);
  } catch (error) {
    if (error.code !== 'ENOTEMPTY') throw error; // somebody else was first
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}
