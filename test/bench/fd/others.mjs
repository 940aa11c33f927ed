// The packages that are measured beside ours: installed into a folder of their own for the time of the bench, each alone,
// for they are compiled, and that may fail.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const PACKAGES = { usocket: '1.1.0', 'unix-dgram': '2.0.7' };

/** Node's own headers, where they are installed with it: else node-gyp would fetch them. */
const nodeHome = dirname(dirname(process.execPath));
const headers = existsSync(join(nodeHome, 'include/node/node_api.h')) ? { npm_config_nodedir: nodeHome } : {};

/** @returns the folder from which each can be required, by name, and how to remove them all */
export function installOthers() {
  const root = mkdtempSync(join(tmpdir(), 'crossfork-bench-'));
  const folders = {};
  for (const [name, version] of Object.entries(PACKAGES)) {
    const folder = join(root, name);
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), '{ "private": true }');
    console.error(`installing ${name} ${version}`);
    const args = ['install', '--no-audit', '--no-fund', '--loglevel=error', `${name}@${version}`];
    const env = { ...process.env, ...headers, npm_config_cache: join(root, 'cache') };
    const { status } = spawnSync('npm', args, { cwd: folder, env, stdio: 'ignore', timeout: 180_000 });
    // npm is content where the compiler has failed; who cannot be loaded is out.
    const loads = () => spawnSync(process.execPath, ['-e', `require('${name}')`], { cwd: folder, stdio: 'ignore' });
    if (status === 0 && loads().status === 0) folders[name] = folder;
    else console.error(`${name} cannot be built here`);
  }
  return { folders, remove: () => rmSync(root, { recursive: true, force: true }) };
}
