// `npm run release:pack -- PLATFORM...`: packs everything to publish into target/packages/: the main npm package, one for
// each platform (by default all), and the crate. `npm run release:build` must have built the addon and the command.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { packCrate } from './crate.mjs';
import { mismatches } from './elf.mjs';
import { mainManifest, PAGES, platformManifest, platformReadme, withAbsoluteLinks } from './manifests.mjs';
import { GLIBC, PLATFORMS, platforms } from './platforms.mjs';
import { isMain, main, PACKAGES, ROOT, releasable } from './project.mjs';

const LICENCES = ['LICENSE-APACHE', 'LICENSE-MIT'];

/** Packs the main package, without native files. Returns the path of the tarball in `folder`. */
export function packMain(project, folder) {
  const manifest = mainManifest(project);
  return pack(manifest, folder, (stage) => {
    for (const file of manifest.files.flatMap(matching))
      cpSync(join(ROOT, file), join(stage, file), { recursive: true });
    writeFileSync(join(stage, 'README.md'), withAbsoluteLinks(PAGES.npm, project));
    writeFileSync(join(stage, 'CHANGELOG.md'), withAbsoluteLinks('CHANGELOG.md', project));
  });
}

/** Packs the package of one platform, with the files in `built`. Returns the path of the tarball in `folder`. */
export function packPlatform(platform, built, project, folder) {
  return pack(platformManifest(platform, project), folder, (stage) => {
    for (const file of ['crossfork', 'crossfork.node', 'NOTICES.md'])
      copyFileSync(join(built, file), join(stage, file));
    // Copying files between machines may lose the mode.
    chmodSync(join(stage, 'crossfork'), 0o755);
    for (const file of LICENCES) copyFileSync(join(ROOT, file), join(stage, file));
    writeFileSync(join(stage, 'README.md'), platformReadme(platform, project));
  });
}

/** Returns the files and folders that an entry of `files` matches. Entries begin with a slash, and may end with a star. */
function matching(entry) {
  const [name, star] = entry.slice(1).split('*');
  return star === undefined ? [name] : readdirSync(ROOT).filter((file) => file.startsWith(name));
}

function pack(manifest, folder, fill) {
  const stage = join(folder, 'stage', manifest.name);
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(stage, { recursive: true });
  fill(stage);
  writeFileSync(join(stage, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const stdio = ['ignore', 'pipe', 'ignore'];
  const [{ filename }] = JSON.parse(execFileSync('npm', args, { cwd: stage, encoding: 'utf8', stdio }));
  return join(folder, filename);
}

if (isMain(import.meta)) {
  await main((names) => {
    const project = releasable();
    const chosen = names.length > 0 ? platforms(names) : PLATFORMS;
    mkdirSync(PACKAGES, { recursive: true });
    for (const file of readdirSync(PACKAGES).filter((file) => /\.(tgz|crate)$/.test(file)))
      rmSync(join(PACKAGES, file));
    for (const platform of chosen) {
      const built = join(PACKAGES, 'native', platform.name);
      if (!existsSync(built)) {
        throw new Error(`${platform.name} is not built. Run: npm run release:build -- ${platform.name}`);
      }
      const files = ['crossfork.node', 'crossfork'].map((file) => join(built, file));
      const wrong = files.flatMap((file) => mismatches(file, platform, GLIBC));
      if (wrong.length > 0) throw new Error(wrong.join('\n'));
      console.log(basename(packPlatform(platform, built, project, PACKAGES)));
    }
    console.log(basename(packMain(project, PACKAGES)));
    console.log(basename(packCrate(project, PACKAGES)));
  });
}
