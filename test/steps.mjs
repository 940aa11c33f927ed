// The steps of a test run, in order. Each is a command; `needs` names the steps that must have passed before it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..');

/** Most tests wait for processes that they have started, so that more of them than there are processors can run. */
const RUST_THREADS = 8;
const TEST_FILES_AT_ONCE = 2;

const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const hasTools = Object.entries(devDependencies).every(([name, version]) => installed(name) === version);

/** The version of a development tool that is there. */
function installed(name) {
  const manifest = join(ROOT, 'node_modules', name, 'package.json');
  return existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).version : undefined;
}

const reporter = (name, destination) => [`--test-reporter=${name}`, `--test-reporter-destination=${destination}`];

/**
 * @typedef {object} Step
 * @property {string} name what it is called on the command line
 * @property {string} title
 * @property {string[]} [command] nothing, where it is done already
 * @property {string[]} [needs] names of steps
 * @property {Record<string, string>} [env]
 * @property {string[]} [files] test files, each of which can be asked for by itself
 */

/**
 * @param {object} files
 * @param {string} files.artifacts where the paths of the debug programs are written, as JSON
 * @param {string} files.native where the paths of the release builds are written, as JSON
 * @param {string} files.failures where tests write their failures
 * @returns {Step[]}
 */
export function steps({ artifacts, native, failures }) {
  const suite = (folder) => {
    const files = readdirSync(join(ROOT, 'test', folder))
      .filter((file) => file.endsWith('.test.mjs'))
      .map((file) => join('test', folder, file));
    const reporters = [...reporter('spec', 'stdout'), ...reporter('./test/failures.mjs', failures)];
    return { files, command: ['node', '--test', `--test-concurrency=${TEST_FILES_AT_ONCE}`, ...reporters] };
  };
  const built = { CROSSFORK_ARTIFACTS: artifacts, CROSSFORK_NATIVE: native };
  return [
    {
      name: 'tools',
      title: 'development tools',
      command: hasTools ? undefined : ['npm', 'ci'],
    },
    {
      name: 'runtimes',
      title: 'Node 18 to 26, Bun, Deno',
      command: ['node', 'test/runtimes/index.mjs'],
    },
    {
      name: 'format',
      title: 'formatting, lints of JavaScript and prose',
      command: ['node', 'test/format.mjs'],
      needs: ['tools'],
    },
    {
      name: 'lint',
      title: 'Rust lints, with every feature and the addon',
      command: cargo(
        ...[
          'clippy',
          '--workspace',
          '--lib',
          '--bins',
          '--tests',
          '--examples',
          '--all-features',
          '--',
          '-D',
          'warnings',
        ],
      ),
    },
    {
      name: 'lint-bare',
      title: 'Rust lints, without features',
      command: cargo('clippy', '--', '-D', 'warnings'),
    },
    {
      name: 'doc',
      title: 'Rust documentation',
      command: cargo('doc', '--no-deps', '--all-features'),
      env: { RUSTDOCFLAGS: '-D warnings' },
    },
    {
      name: 'build',
      title: 'programs under test (debug)',
      command: ['node', 'test/artifacts.mjs', artifacts],
    },
    {
      name: 'native',
      title: 'addon and command (release)',
      command: ['node', 'test/node/native.mjs', native],
    },
    {
      name: 'rust',
      title: 'Rust tests',
      command: ['node', 'test/rust.mjs', failures, '--all-features', '--tests', '--no-fail-fast'],
      env: { RUST_TEST_THREADS: `${RUST_THREADS}` },
    },
    {
      name: 'doctest',
      title: 'Rust examples in the documentation',
      command: cargo('test', '--all-features', '--doc'),
    },
    {
      name: 'node',
      title: 'the npm package',
      ...suite('node'),
      needs: ['tools', 'runtimes', 'build', 'native'],
      env: built,
    },
    {
      name: 'interop',
      title: 'interop matrix',
      ...suite('interop'),
      needs: ['runtimes', 'build'],
      env: built,
    },
    {
      name: 'start',
      title: 'npm start -- --once',
      command: ['npm', 'start', '--', '--once'],
      env: { PORT: '0' },
    },
  ];
}

function cargo(...args) {
  return ['cargo', ...args];
}
