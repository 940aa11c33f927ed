// The published crate: that of the commit, with absolute links in its page.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { PAGES, withAbsoluteLinks } from './manifests.mjs';
import { ROOT } from './project.mjs';

/** Clones the repository, to pack and publish the crate from the clone. Cargo records the commit in the crate. */
export function stageCrate(project, folder) {
  const stage = join(folder, 'stage/crate');
  rmSync(stage, { recursive: true, force: true });
  execFileSync('git', ['clone', '--quiet', '--shared', ROOT, stage]);
  writeFileSync(join(stage, PAGES.crate), withAbsoluteLinks(PAGES.crate, project));
  return stage;
}

/** Packs the crate without building it; `npm run release:try -- crate` builds it. Returns its path in `folder`. */
export function packCrate(project, folder) {
  const stage = stageCrate(project, folder);
  const target = join(stage, 'target');
  // --allow-dirty, because the page was changed.
  const args = ['package', '--quiet', '--locked', '--no-verify', '--allow-dirty', '--target-dir', target];
  execFileSync('cargo', args, { cwd: stage, stdio: 'inherit' });
  const file = `crossfork-${project.version}.crate`;
  copyFileSync(join(target, 'package', file), join(folder, file));
  return join(folder, file);
}

/** Builds a packed crate in an empty folder, tests its documentation, and runs its examples. */
export async function tryCrate(crate, folder) {
  execFileSync('tar', ['-xzf', crate, '-C', folder]);
  const cwd = join(folder, basename(crate, '.crate'));
  const cargo = (...args) => {
    const common = ['--all-features', '--locked', '--target-dir', join(folder, 'target')];
    execFileSync('cargo', [args[0], ...common, ...args.slice(1)], { cwd, stdio: 'inherit' });
  };
  cargo('build', '--bins');
  cargo('test', '--doc');
  cargo('run', '--example', 'upper');
  cargo('run', '--example', 'guard', '--', '--once');
  cargo('run', '--example', 'drive_node');
  cargo('run', '--example', 'hand_over', '--', '--once');
  cargo('run', '--example', 'primary', '--', '--once');
  const workers = [
    'sum',
    'requests',
    'primes_service',
    'image_service',
    'echo_worker',
    'http_worker',
    'cluster_threads',
    'cluster_worker',
    'demo_worker',
    'render_pool',
  ];
  cargo('build', ...workers.flatMap((name) => ['--example', name]));
  await renders(join(folder, 'target/debug/examples/render_pool'), cwd);
}

/** Requests a page from the example, whose worker's program is in the crate. */
async function renders(program, cwd) {
  const server = spawn(program, { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [line] = await once(createInterface(server.stdout), 'line');
    const page = await (await fetch(`${/http:\S+/.exec(line)[0]}a/page`)).text();
    if (!page.includes('rendered by process'))
      throw new Error(`The example render_pool returned an unexpected page:\n${page}`);
  } finally {
    server.kill();
  }
}
