// `npm run release:publish`: publishes what `npm run release:pack` has made and `npm run release:try` has tried. What is
// published already is passed over, so that a release that stopped halfway can be run again. `-- --dry-run` only says.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stageCrate } from './crate.mjs';
import { PLATFORMS } from './platforms.mjs';
import { main, PACKAGES, releasable } from './project.mjs';

/** The packages for platforms first: the main package names them. */
function npmPackages({ version }) {
  const names = [...PLATFORMS.map(({ name }) => `crossfork-${name}`), 'crossfork'];
  return names.map((name) => ({ id: `${name}@${version}`, tarball: join(PACKAGES, `${name}-${version}.tgz`) }));
}

/** Whether a registry has it. It says E404 if not, and anything else is a failure. */
function isPublished(id) {
  const { status, stdout, stderr } = spawnSync('npm', ['view', '--json', id, 'version'], { encoding: 'utf8' });
  if (status === 0) return stdout.trim() !== '';
  if (`${stdout}${stderr}`.includes('E404')) return false;
  throw new Error(`npm does not say whether ${id} is published:\n${stderr}`);
}

/** The environment in which npm may publish: with NPM_TOKEN or, where there is none, what it knows by itself. */
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
  throw new Error(`cargo does not say whether crossfork ${version} is published:\n${stderr}`);
}

/** Published is what was tried: the crate that Cargo packs again must be the same, byte for byte. */
function publishCrate(project, options) {
  const stage = stageCrate(project, PACKAGES);
  const cargo = (...args) => {
    execFileSync('cargo', [...args, '--locked', '--no-verify', '--allow-dirty'], { cwd: stage, stdio: 'inherit' });
  };
  cargo('package', '--target-dir', 'target');
  const file = `crossfork-${project.version}.crate`;
  const [packed, tried] = [join(stage, 'target/package', file), join(PACKAGES, file)].map((path) => readFileSync(path));
  if (!packed.equals(tried)) throw new Error(`${file} is not what was tried: Cargo packs it differently here.`);
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
