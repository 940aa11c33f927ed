// What is published beside the files themselves: the manifests, and texts with links that work everywhere.
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { PLATFORMS } from './platforms.mjs';
import { ROOT } from './project.mjs';

const LIBC = { glibc: 'glibc', musl: 'musl' };
const CPU = { x64: 'x86-64', arm64: 'ARM64' };

/** The manifest of the main package: the repository's, with all that depends on the version and the address. */
export function mainManifest(project) {
  const { scripts, devDependencies, ...manifest } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  return {
    ...manifest,
    ...facts(project),
    files: manifest.files.filter((file) => file !== '/native'),
    optionalDependencies: Object.fromEntries(PLATFORMS.map(({ name }) => [`crossfork-${name}`, project.version])),
  };
}

/** The manifest of the package for one platform. */
export function platformManifest({ name, os, cpu, libc }, project) {
  const { license, engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  return {
    name: `crossfork-${name}`,
    description: `The addon and the command of crossfork, for Linux on ${CPU[cpu]} with ${LIBC[libc]}`,
    license,
    ...facts(project),
    os: [os],
    cpu: [cpu],
    libc: [libc],
    engines,
    // In Yarn's zip archives nothing can be started.
    preferUnplugged: true,
  };
}

/** The page of a package for one platform. */
export function platformReadme({ name }, { repository }) {
  return [
    `# crossfork-${name}`,
    `Prebuilt files of [crossfork](${repository}#readme), which installs this package where it fits.`,
    'Install `crossfork`, not this.',
    '',
  ].join('\n\n');
}

function facts({ version, repository }) {
  return {
    version,
    repository: { type: 'git', url: `git+${repository}.git` },
    homepage: `${repository}#readme`,
    bugs: { url: `${repository}/issues` },
    publishConfig: { access: 'public', provenance: true },
  };
}

/** The pages of the packages, by what they are for. Each leads with its own package manager. */
export const PAGES = { npm: 'docs/packages/npm.md', crate: 'docs/packages/crate.md' };

/**
 * The Markdown of a file of the project, whose relative links lead to the files of this version in the repository.
 * @param {string} path of the file, to which the links are relative
 */
export function withAbsoluteLinks(path, { version, repository }) {
  const markdown = readFileSync(join(ROOT, path), 'utf8');
  return markdown.replace(/(!?)(\[[^\]]*\]\()(?!#|[a-z]+:)([^)\s]+)(?=\))/g, (_, image, before, link) => {
    // The repository's host leads from a file's address to a folder's.
    const how = image ? 'raw' : 'blob';
    return `${image}${before}${repository}/${how}/v${version}/${posix.join(posix.dirname(path), link)}`;
  });
}

/** The relative links in Markdown. */
export function relativeLinks(markdown) {
  return [...markdown.matchAll(/\]\((?!#|[a-z]+:)([^)\s]+)\)/g)].map(([, path]) => path);
}
