// Installs npm packages for a folder of tests with a lock file, once on each machine.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/**
 * Installs into a temporary folder and renames it, so that parallel runs never see an incomplete installation.
 * @returns {string} the folder with the packages
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
    if (error.code !== 'ENOTEMPTY') throw error; // another process was first
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return modules;
}
