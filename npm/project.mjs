// Reads the project's version and repository URL from Cargo.toml, the only place where they are defined.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..');

/** The folder for everything that is built, packed and published: `native/PLATFORM/`, tarballs and the crate. */
export const PACKAGES = join(ROOT, 'target/packages');

/** Returns `{ version, repository }`. The repository URL is undefined until it is set. */
export function project() {
  const args = ['metadata', '--no-deps', '--locked', '--format-version=1'];
  const { packages } = JSON.parse(execFileSync('cargo', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 2 ** 30 }));
  const { version, repository } = packages.find(({ name }) => name === 'crossfork');
  return { version, repository: repository || undefined };
}

/** Returns the reasons why this project cannot be released, one sentence each. */
export function problems({ version, repository }, changelog, { tag, slug, changed } = {}) {
  const found = [];
  if (!repository) {
    found.push('The repository URL is missing: set `repository` in Cargo.toml (RELEASING.md, step 1).');
  } else if (!/^https:\/\/github\.com\/[\w.-]+\/[\w.-]+(?<!\.git|\/)$/.test(repository)) {
    found.push(`${repository} in Cargo.toml is not of the form https://github.com/OWNER/NAME.`);
  } else if (slug && repository !== `https://github.com/${slug}`) {
    found.push(`Cargo.toml says ${repository}, but this is https://github.com/${slug}.`);
  }
  const entries = [...changelog.matchAll(/^## (.*)$/gm)].map(([, title]) => title);
  const newest = entries.find((title) => title !== 'Unreleased');
  if (!new RegExp(`^${version.replaceAll('.', '\\.')} - \\d{4}-\\d\\d-\\d\\d$`).test(newest)) {
    found.push(`CHANGELOG.md has no "## ${version} - YYYY-MM-DD" as its newest entry.`);
  }
  if (tag && tag !== `v${version}`) found.push(`The tag is ${tag}, but Cargo.toml says ${version}.`);
  if (changed) found.push(`The work tree has uncommitted changes:\n${changed}`);
  return found;
}

/** Returns the project. Throws an error with all problems if it cannot be released. */
export function releasable() {
  const { GITHUB_REF_TYPE, GITHUB_REF_NAME, GITHUB_REPOSITORY } = process.env;
  const found = project();
  const wrong = problems(found, readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8'), {
    tag: GITHUB_REF_TYPE === 'tag' ? GITHUB_REF_NAME : undefined,
    slug: GITHUB_REPOSITORY,
    changed: execFileSync('git', ['status', '--porcelain'], { cwd: ROOT, encoding: 'utf8' }),
  });
  if (wrong.length > 0) throw new Error(`crossfork ${found.version} cannot be released.\n${wrong.join('\n')}`);
  return found;
}

/** Runs a script. If it throws, prints the message and sets exit code 1. */
export async function main(script) {
  try {
    await script(process.argv.slice(2));
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}

/** Whether the module was started as a program. */
export const isMain = (meta) => process.argv[1] === meta.filename;
