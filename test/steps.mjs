// The steps of a test run. Each is a command; `needs` names the steps that must have passed before it. Steps of one lane run
// one after the other, and the two lanes run beside each other: `rust` is what cargo does, which it does one at a time, and
// `js` is what waits most of the time.
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
 * @property {'rust' | 'js'} lane
 * @property {string[]} [command] nothing, where it is done already
 * @property {string} [report] a file where it writes what has failed
 * @property {string[]} [needs] names of steps
 * @property {Record<string, string>} [env]
 * @property {string[]} [files] test files, each of which can be asked for by itself
 */

/**
 * @param {object} files
 * @param {string} files.artifacts where the paths of the debug programs are written, as JSON
 * @param {string} files.native where the paths of the release builds are written, as JSON
 * @param {string} files.failures where tests write their failures: a folder
 * @returns {Step[]}
 */
export function steps({ artifacts, native, failures }) {
  const report = (name) => join(failures, name);
  const suite = (name) => {
    const files = readdirSync(join(ROOT, 'test', name))
      .filter((file) => file.endsWith('.test.mjs'))
      .map((file) => join('test', name, file));
    const reporters = [...reporter('spec', 'stdout'), ...reporter('./test/failures.mjs', report(name))];
    const command = ['node', '--test', `--test-concurrency=${TEST_FILES_AT_ONCE}`, ...reporters];
    return { name, files, command, report: report(name) };
  };
  const built = { CROSSFORK_ARTIFACTS: artifacts, CROSSFORK_NATIVE: native };
  const lane = (lane, steps) => steps.map((step) => ({ ...step, lane }));
  return [
    // What the other lane needs comes first, and then what fails soonest.
    ...lane('rust', [
      {
        name: 'build',
        title: 'programs under test (debug)',
        command: ['node', 'test/artifacts.mjs', artifacts],
      },
      {
        name: 'lint',
        title: 'Rust lints, with every feature and the addon',
        command: cargo(
          ...['clippy', '--workspace', '--lib', '--bins', '--tests', '--examples', '--all-features'],
          ...['--', '-D', 'warnings'],
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
        name: 'native',
        title: 'addon and command (release)',
        command: ['node', 'test/node/native.mjs', native],
      },
      {
        name: 'rust',
        title: 'Rust tests',
        command: ['node', 'test/rust.mjs', report('rust'), '--all-features', '--tests', '--no-fail-fast'],
        env: { RUST_TEST_THREADS: `${RUST_THREADS}` },
        report: report('rust'),
      },
      {
        name: 'doctest',
        title: 'Rust examples in the documentation',
        command: cargo('test', '--all-features', '--doc'),
      },
    ]),
    ...lane('js', [
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
        ...suite('interop'),
        title: 'interop matrix',
        needs: ['tools', 'runtimes', 'build'],
        env: built,
      },
      {
        ...suite('node'),
        title: 'the npm package',
        needs: ['tools', 'runtimes', 'build', 'native'],
        env: built,
      },
      {
        name: 'start',
        title: 'npm start -- --once',
        command: ['npm', 'start', '--', '--once'],
        needs: ['native'],
        env: { PORT: '0' },
      },
    ]),
  ];
}

function cargo(...args) {
  return ['cargo', ...args];
}
