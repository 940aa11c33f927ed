// Collects the licences of all crates that are linked into the addon and the command. Run directly (`npm pack` does), it
// writes them beside the files that js/build.cjs has built.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { isMain, main, ROOT } from './project.mjs';

const { platform } = createRequire(import.meta.url)('../js/build.cjs');

const BUILT = ['crossfork', 'crossfork-addon'];
const LICENCE_FILE = /^(licen[cs]e|copying|copyright|notice|unlicense)/i;

/** Returns the crates that are linked in for a Cargo target, without macros, build tools and test dependencies. */
export function linked(target) {
  const args = ['metadata', '--locked', '--features=cli', '--format-version=1', '--filter-platform', target];
  const text = execFileSync('cargo', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 2 ** 30 });
  const { packages, resolve } = JSON.parse(text);
  const packageOf = new Map(packages.map((one) => [one.id, one]));
  const node = new Map(resolve.nodes.map((one) => [one.id, one]));
  const isMacro = (id) => packageOf.get(id).targets.some(({ kind }) => kind.includes('proc-macro'));
  const found = new Set();
  const waiting = packages.filter(({ name, source }) => !source && BUILT.includes(name)).map(({ id }) => id);
  while (waiting.length > 0) {
    const id = waiting.pop();
    if (found.has(id) || isMacro(id)) continue;
    found.add(id);
    for (const { pkg, dep_kinds } of node.get(id).deps) {
      if (dep_kinds.some(({ kind }) => kind === null)) waiting.push(pkg);
    }
  }
  const crates = [...found].map((id) => packageOf.get(id)).filter(({ source }) => source);
  return crates.sort((a, b) => a.name.localeCompare(b.name) || a.version.localeCompare(b.version));
}

/** Returns the licence texts of a crate. */
function texts({ license, license_file, authors, repository, manifest_path }) {
  const folder = dirname(manifest_path);
  const files = readdirSync(folder).filter((file) => LICENCE_FILE.test(file) && !file.endsWith('.rs'));
  if (license_file && !files.includes(license_file)) files.push(license_file);
  const found = files.map((file) => join(folder, file)).filter((file) => existsSync(file));
  if (found.length === 0) {
    return [`The crate has no licence file. Its manifest says: ${license}. By ${authors.join(', ')}; ${repository}.`];
  }
  return found.map((file) =>
    readFileSync(file, 'utf8')
      .replaceAll(/[ \t\r]+$/gm, '')
      .trim(),
  );
}

/**
 * Returns all licences as one text: every crate with its licence, and each licence text once, with its crates.
 * @param {string[]} more licence texts of linked code that is not a crate
 */
export function notices(target, more = []) {
  const crates = linked(target);
  const usedBy = new Map();
  for (const crate of crates) {
    for (const text of texts(crate)) usedBy.set(text, [...(usedBy.get(text) ?? []), `${crate.name} ${crate.version}`]);
  }
  const own = ['LICENSE-MIT', 'LICENSE-APACHE'].map((file) => readFileSync(join(ROOT, file), 'utf8').trim());
  return [
    '# Third-party notices',
    'These crates are part of the files `crossfork` and `crossfork.node`:',
    crates.map(({ name, version, license }) => `- ${name} ${version}: ${license}`).join('\n'),
    "So is Rust's standard library: MIT OR Apache-2.0, by the Rust project's contributors.",
    ...[...usedBy].map(([text, names]) => `## ${names.join(', ')}\n\n${fenced(text)}`),
    ...more.map(fenced),
    `## Rust's standard library, and Crossfork itself\n\n${own.map(fenced).join('\n\n')}`,
    '',
  ].join('\n\n');
}

const fenced = (text) => `\`\`\`text\n${text}\n\`\`\``;

if (isMain(import.meta)) {
  await main(() => {
    const target = /^host: (.*)$/m.exec(execFileSync('rustc', ['-vV'], { encoding: 'utf8' }))[1];
    const folder = join(ROOT, 'native', platform());
    writeFileSync(join(folder, 'NOTICES.md'), notices(target));
  });
}
