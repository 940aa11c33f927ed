// The programs in Rust that the JavaScript suites start: built in one go, so that the library is compiled once for all.
//
//   node test/artifacts.mjs FILE   builds them, and writes their paths to FILE as JSON
//
// A test that is run by itself builds them as well. CROSSFORK_ARTIFACTS is a file that was written before.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import './environment.mjs';

const { cargo } = createRequire(import.meta.url)('../js/build.cjs');

const COMMAND = 'crossfork';
const EXAMPLES = [
  ...['interop-child', 'interop-cluster-worker', 'interop-parent', 'interop-primary', 'interop-values'],
  ...['calls-language-client', 'calls-language-server', 'calls-peer', 'calls-pool', 'calls-worker'],
  ...['both_ways', 'fd-peer', 'workerpool-worker'],
  ...['cluster_threads', 'cluster_worker', 'demo_worker', 'drive_node', 'echo_worker', 'guard', 'hand_over'],
  ...[
    'http_worker',
    'image_service',
    'language_server',
    'pool',
    'primary',
    'primes_service',
    'render_pool',
    'requests',
    'sum',
    'upper',
  ],
];

let paths;

/** The path of `crossfork` or of an example. It has debug assertions, and checks for overflows. */
export function artifact(name) {
  paths ??= process.env.CROSSFORK_ARTIFACTS
    ? JSON.parse(readFileSync(process.env.CROSSFORK_ARTIFACTS, 'utf8'))
    : buildAll();
  if (!paths[name]) throw new Error(`${name} is not among the artifacts of test/artifacts.mjs`);
  return paths[name];
}

function buildAll() {
  const examples = EXAMPLES.flatMap((name) => ['--example', name]);
  const made = cargo('the programs under test', ['--all-features', '--bin', COMMAND, ...examples]);
  return Object.fromEntries(
    made.filter(({ executable }) => executable).map(({ target, executable }) => [target.name, executable]),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(process.argv[2], JSON.stringify(buildAll()));
}
