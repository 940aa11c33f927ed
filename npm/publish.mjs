// `npm run release:publish`: publishes the packages of `npm run release:pack`, after `npm run release:try` has tried them.
// Skips packages that are published already, so that an interrupted release can be run again. `-- --dry-run` publishes
// nothing.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stageCrate } from './crate.mjs';
import { PLATFORMS } from './platforms.mjs';
import { main, PACKAGES, releasable } from './project.mjs';

/** Returns the npm packages. Those for platforms come first, because the main package depends on them. */
function npmPackages({ version }) {
  const names = [...PLATFORMS.map(({ name }) => `crossfork-${name}`), 'crossfork'];
  return names.map((name) => ({ id: `${name}@${version}`, tarball: join(PACKAGES, `${name}-${version}.tgz`) }));
}

/** Whether the registry has a package. E404 means no; any other error is a failure. */
function isPublished(id) {
  const { status, stdout, stderr } = spawnSync('npm', ['view', '--json', id, 'version'], { encoding: 'utf8' });
  if (status === 0) return stdout.trim() !== '';
  if (`${stdout}${stderr}`.includes('E404')) return false;
  throw new Error(`Cannot find out from npm whether ${id} is published:\n${stderr}`);
}

/** Returns the environment for npm publish: with NPM_TOKEN if it is set, otherwise with npm's own configuration. */
function authorized() {
  const { NPM_TOKEN, ...env } = process.env;
  if (!NPM_TOKEN) return env;
  const registry = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim();
  return { ...env, [`npm_config_${registry.replace(/^https?:/, '')}:_authToken`]: NPM_TOKEN };
}

function isCratePublished({ version }) {
  const args = ['info', '--quiet', `crossfork@${version}`, '--registry', 'crates-io'];
  const { status, stderr } = spawnSync('cargo', args, { encoding: 'utf8' });
  if (status === 0) return true;
  if (/could not find/.test(stderr)) return false;
  throw new Error(`Cannot find out from cargo whether crossfork ${version} is published:\n${stderr}`);
}

/** Publishes the crate that was tried: Cargo packs it again, and the result must be identical byte for byte. */
function publishCrate(project, options) {
  const stage = stageCrate(project, PACKAGES);
  const cargo = (...args) => {
    execFileSync('cargo', [...args, '--locked', '--no-verify', '--allow-dirty'], { cwd: stage, stdio: 'inherit' });
  };
  cargo('package', '--target-dir', 'target');
  const file = `crossfork-${project.version}.crate`;
  const [packed, tried] = [join(stage, 'target/package', file), join(PACKAGES, file)].map((path) => readFileSync(path));
  if (!packed.equals(tried))
    throw new Error(`${file} differs from the crate that was tried: Cargo packs it differently here.`);
  cargo('publish', '--target-dir', 'target', ...options);
}

await main((options) => {
  const project = releasable();
  const packages = npmPackages(project);
  const missing = packages.filter(({ tarball }) => !existsSync(tarball));
  if (missing.length > 0) throw new Error(`Not packed: ${missing.map(({ id }) => id).join(', ')}`);
  for (const { id, tarball } of packages) {
    if (isPublished(id)) console.log(`${id} is published already`);
    else execFileSync('npm', ['publish', ...options, tarball], { stdio: 'inherit', env: authorized() });
  }
  if (isCratePublished(project)) console.log(`crossfork ${project.version} is published already, as a crate`);
  else publishCrate(project, options);
});
