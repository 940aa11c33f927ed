// Programs that others wrote, installed from npm by the first import on a machine.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const here = import.meta.dirname;

/** Where the packages are. */
export const modules = join(here, 'node_modules');

install();

/** Beside node_modules and renamed into place: two may come here at once, and none may see half an installation. */
function install() {
  const lock = createHash('sha256')
    .update(readFileSync(join(here, 'package-lock.json')))
    .digest('hex');
  const stamp = join(modules, '.installed-from');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;

  console.error('installing workerpool, jest-worker and TypeScript from npm into test/interop/npm (once)');
  const fresh = mkdtempSync(join(here, '.installing-'));
  try {
    for (const file of ['package.json', 'package-lock.json', '.npmrc'])
      copyFileSync(join(here, file), join(fresh, file));
    const options = ['--no-bin-links', '--ignore-scripts', '--loglevel=error'];
    execFileSync('npm', ['ci', ...options], { cwd: fresh, stdio: ['ignore', 2, 2] });
    writeFileSync(join(fresh, 'node_modules', '.installed-from'), lock);
    if (existsSync(modules)) renameSync(modules, join(fresh, 'replaced'));
    renameSync(join(fresh, 'node_modules'), modules);
  } catch (error) {
    if (error.code !== 'ENOTEMPTY') throw error; // somebody else was first
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}
