// `npm run release:try -- npm pnpm yarn bun crate`: installs the packages of `npm run release:pack`, and uses them. Without
// names it tries every package manager. The packages come from a local registry, so that their manifests decide what is
// installed, as for users. `cargo` is not on the PATH.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { tryCrate } from './crate.mjs';
import { platformManifest } from './manifests.mjs';
import { PLATFORMS } from './platforms.mjs';
import { isMain, main, PACKAGES, ROOT } from './project.mjs';
import { manifestOf, serve } from './registry.mjs';

const require = createRequire(import.meta.url);
const { platform } = require('../js/build.cjs');

/** Forks the command, and sends a descriptor from one socket to another. */
const PROGRAM = `
const { FdSocket, crossforkPath, closeFd, describeFd, fork, socketpair } = require('crossfork');
const child = fork(crossforkPath(), ['worker']);
child.on('message', (message) => {
  child.disconnect();
  const [a, b] = socketpair().map((fd) => new FdSocket(fd));
  b.on('data', (data, fds) => {
    const fd = fds.take();
    console.log(message, String(data), describeFd(fd).kind);
    closeFd(fd);
    b.close();
  });
  a.end('with its handle', require('node:fs').openSync('/'));
});
child.send('the message came back');
`;
const SAYS = 'the message came back with its handle directory\n';

const bin = (name, file) => join(ROOT, 'node_modules', name, file);

/** How each package manager installs the package, runs a program that uses it, and runs its command. */
const MANAGERS = {
  npm: () => ({
    install: (name) => ['npm', 'install', '--no-audit', '--no-fund', name],
    node: [process.execPath],
    command: ['npm', 'exec', '--no', '--', 'crossfork'],
  }),
  pnpm: () => ({
    install: (name) => [process.execPath, bin('pnpm', 'bin/pnpm.cjs'), 'add', name],
    node: [process.execPath],
    command: [process.execPath, bin('pnpm', 'bin/pnpm.cjs'), 'exec', 'crossfork'],
  }),
  yarn: () => ({
    install: (name) => [process.execPath, bin('@yarnpkg/cli-dist', 'bin/yarn.js'), 'add', name],
    node: [process.execPath, '--require', './.pnp.cjs'],
    command: [process.execPath, bin('@yarnpkg/cli-dist', 'bin/yarn.js'), 'crossfork'],
  }),
  bun: (folder) => {
    const bun = findBun(folder);
    return { install: (name) => [bun, 'add', name], node: [process.execPath], command: [bun, 'run', 'crossfork'] };
  },
};

export const managers = Object.keys(MANAGERS);

/** Returns the tests' Bun or, if there is none, installs it from npm. */
function findBun(folder) {
  const tested = join(ROOT, 'test/runtimes/node_modules/@oven/bun-linux-x64/bin/bun');
  if (existsSync(tested) && platform() === 'linux-x64-gnu') return tested;
  const { dependencies } = require('../test/runtimes/package.json');
  const [, cpu, libc] = /^linux-(\w+)-(\w+)$/.exec(platform());
  const name = `@oven/bun-linux-${cpu.replace('arm64', 'aarch64')}${libc === 'musl' ? '-musl' : ''}`;
  const args = ['install', '--no-save', '--no-bin-links', '--prefix', folder];
  execFileSync('npm', [...args, `${name}@${dependencies['@oven/bun-linux-x64']}`], { stdio: 'ignore' });
  return join(folder, 'node_modules', name, 'bin/bun');
}

/** Returns the environment of a user without Rust. Package managers keep their files in `folder`. */
function environment(folder, registry) {
  const path = process.env.PATH.split(delimiter).filter((one) => !existsSync(join(one, 'cargo')));
  // npm sets variables for the scripts that it runs. Other package managers must not see them.
  const inherited = Object.entries(process.env).filter(([name]) => !/^(npm|pnpm|yarn|bun|node)_/i.test(name));
  return {
    ...Object.fromEntries(inherited),
    PATH: path.join(delimiter),
    HOME: join(folder, 'home'),
    npm_config_registry: registry,
    npm_config_cache: join(folder, 'npm-cache'),
    npm_config_update_notifier: 'false',
    npm_config_store_dir: join(folder, 'pnpm-store'),
    YARN_NPM_REGISTRY_SERVER: registry,
    YARN_UNSAFE_HTTP_WHITELIST: '127.0.0.1',
    YARN_GLOBAL_FOLDER: join(folder, 'yarn'),
    YARN_ENABLE_TELEMETRY: 'false',
    BUN_CONFIG_REGISTRY: registry,
    BUN_INSTALL_CACHE_DIR: join(folder, 'bun-cache'),
  };
}

/**
 * Installs the main package from tarballs with one package manager, and uses it.
 * @param {string} folder an empty folder for this try
 * @throws if anything does not work, or another platform's package was fetched
 */
export async function tryManager(name, tarballs, folder) {
  const { install, node, command } = MANAGERS[name](folder);
  const { version } = manifestOf(tarballs.find((file) => manifestOf(file).name === 'crossfork'));
  // The registry lists the packages for other platforms, as after a release. They must not be fetched.
  const names = tarballs.map((file) => manifestOf(file).name);
  const others = PLATFORMS.map((platform) => platformManifest(platform, { version }));
  const project = join(folder, 'project');
  for (const one of [project, join(folder, 'home')]) mkdirSync(one);
  writeFileSync(join(project, 'package.json'), '{ "name": "empty", "private": true }');
  if (name === 'yarn') writeFileSync(join(project, 'yarn.lock'), '');
  const registry = await serve(
    tarballs,
    others.filter(({ name }) => !names.includes(name)),
  );
  try {
    const run = (args, expected) => check(args, expected, { cwd: project, env: environment(folder, registry.url) });
    const said = await run(install(`crossfork@${version}`), /./);
    if (/blocked|ignored build|warn.*script/i.test(said)) throw new Error(`${name} printed a warning:\n${said}`);
    const fetched = [...registry.asked].map((file) => file.replace(`-${version}.tgz`, '')).sort();
    const fitting = ['crossfork', `crossfork-${platform()}`];
    if (fetched.join() !== fitting.join()) throw new Error(`${name} installed ${fetched}, not ${fitting}`);
    await run([...node, '--eval', PROGRAM], new RegExp(`^${SAYS}$`));
    await run([...command, '--version'], new RegExp(`crossfork ${version}`));
  } finally {
    registry.close();
  }
}

/** Runs a program that must succeed and print what is expected. Asynchronous, because the registry runs in this process. */
async function check([file, ...args], expected, options) {
  const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
  }
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (code === 0 && expected.test(said)) return said;
  throw new Error(`${[file, ...args].join(' ')} exited with code ${code} and printed:\n${said}`);
}

if (isMain(import.meta)) {
  await main(async (names) => {
    const unknown = names.filter((name) => name !== 'crate' && !managers.includes(name));
    if (unknown.length > 0) throw new Error(`Unknown: ${unknown.join(', ')}. Use ${managers.join(', ')} or crate.`);
    const found = existsSync(PACKAGES) ? readdirSync(PACKAGES).map((file) => join(PACKAGES, file)) : [];
    const tarballs = found.filter((file) => file.endsWith('.tgz'));
    const crate = found.find((file) => file.endsWith('.crate'));
    if (tarballs.length === 0 || !crate) throw new Error('Nothing is packed. Run: npm run release:pack');
    for (const name of names.length > 0 ? names : managers) {
      const folder = mkdtempSync(join(tmpdir(), 'crossfork-try-'));
      try {
        if (name === 'crate') await tryCrate(crate, folder);
        else await tryManager(name, tarballs, folder);
      } finally {
        rmSync(folder, { recursive: true });
      }
      console.log(`${name}: installed and works on ${platform()}`);
    }
  });
}
