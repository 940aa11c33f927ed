// Packages from npm for a folder of tests that has a lock file, installed by the first import on a machine.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/**
 * Beside node_modules and renamed into place: two may come here at once, and none may see half an installation.
 * @returns {string} where the packages are
 */
export function install(folder) {
  const modules = join(folder, 'node_modules');
  const lock = createHash('sha256')
    .update(readFileSync(join(folder, 'package-lock.json')))
    .digest('hex');
  const stamp = join(modules, '.installed-from');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return modules;

  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const names = Object.keys(dependencies).join(', ');
  console.error(`installing ${names} from npm into ${relative(ROOT, folder)} (once)`);
  const fresh = mkdtempSync(join(folder, '.installing-'));
  try {
    for (const file of ['package.json', 'package-lock.json', '.npmrc'])
      copyFileSync(join(folder, file), join(fresh, file));
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
  return modules;
}
