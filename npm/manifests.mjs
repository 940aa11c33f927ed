// Creates the published manifests, and pages with absolute links.
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { PLATFORMS } from './platforms.mjs';
import { ROOT } from './project.mjs';

const LIBC = { glibc: 'glibc', musl: 'musl' };
const CPU = { x64: 'x86-64', arm64: 'ARM64' };

/** Returns the manifest of the main package: the repository's, with the version and the repository URL filled in. */
export function mainManifest(project) {
  const { scripts, devDependencies, ...manifest } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  return {
    ...manifest,
    ...facts(project),
    files: manifest.files.filter((file) => file !== '/native'),
    optionalDependencies: Object.fromEntries(PLATFORMS.map(({ name }) => [`crossfork-${name}`, project.version])),
  };
}

/** Returns the manifest of the package for one platform. */
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
    // Programs cannot be started from Yarn's zip archives.
    preferUnplugged: true,
  };
}

/** Returns the page of the package for one platform. */
export function platformReadme({ name }, { repository }) {
  return [
    `# crossfork-${name}`,
    `Prebuilt files of [crossfork](${repository}#readme), which installs this package on matching platforms.`,
    'Install `crossfork` instead of this package.',
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

/** The pages of the packages, by registry. Each page starts with its own package manager. */
export const PAGES = { npm: 'docs/packages/npm.md', crate: 'docs/packages/crate.md' };

/**
 * Returns the Markdown of a file, with its relative links replaced by links to this version in the repository.
 * @param {string} path the file's path, to which its links are relative
 */
export function withAbsoluteLinks(path, { version, repository }) {
  const markdown = readFileSync(join(ROOT, path), 'utf8');
  return markdown.replace(/(!?)(\[[^\]]*\]\()(?!#|[a-z]+:)([^)\s]+)(?=\))/g, (_, image, before, link) => {
    // The repository's host redirects from `blob` to `tree` for folders.
    const how = image ? 'raw' : 'blob';
    return `${image}${before}${repository}/${how}/v${version}/${posix.join(posix.dirname(path), link)}`;
  });
}

/** Returns the relative links in Markdown. */
export function relativeLinks(markdown) {
  return [...markdown.matchAll(/\]\((?!#|[a-z]+:)([^)\s]+)\)/g)].map(([, path]) => path);
}
