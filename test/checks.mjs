// `npm run check -- NAME...`: what needs more than cargo and Node, and is therefore not part of `npm test`.
//
//   msrv      the library with every feature, and the addon, on the oldest Rust that Cargo.toml declares
//   minimal   the same with the oldest dependencies that Cargo.toml allows
//   deny      licences, sources and advisories of all dependencies; needs cargo-deny
//   web       examples/web, HTTPS and WebSockets in a cluster's worker: built, and run
//   semver    no breaking change since the last release, unless the version says so; needs cargo-semver-checks
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const ALL = ['--workspace', '--all-features'];

const CHECKS = {
  msrv: () => {
    // By its name, which a fresh toolchain of another name would not be used for.
    const { rust_version } = metadata().packages[0];
    cargo([`+${rust_version}`, 'build', '--locked', ...ALL, '--target-dir', join(ROOT, 'target/msrv')]);
  },
  minimal: () => {
    const copy = mkdtempSync(join(tmpdir(), 'crossfork-minimal-'));
    try {
      const left = /^(\.git|target|node_modules|native)$|^test\/runtimes\/node_modules$/;
      cpSync(ROOT, copy, { recursive: true, filter: (path) => !left.test(relative(ROOT, path)) });
      // Only a nightly compiler, or one that is told to be one, chooses old versions.
      cargo(['update', '-Z', 'direct-minimal-versions'], copy, { RUSTC_BOOTSTRAP: '1' });
      cargo(['check', '--locked', ...ALL, '--target-dir', join(ROOT, 'target/minimal')], copy);
    } finally {
      rmSync(copy, { recursive: true });
    }
  },
  deny: () => cargo(['deny', '--workspace', '--all-features', 'check']),
  web: () => {
    const target = join(ROOT, 'target/web');
    cargo(['build', '--locked', '--manifest-path', 'examples/web/Cargo.toml', '--target-dir', target]);
    const args = ['examples/web/cluster.js', 'test/interop/apps/localhost.pem'];
    const env = { ...process.env, CROSSFORK_WEB: join(target, 'debug/web') };
    const said = execFileSync(process.execPath, args, { cwd: ROOT, env, encoding: 'utf8', timeout: 60_000 });
    const lines = [
      'https: hello over TLS',
      'websocket: hi',
      'websocket: closed by the worker',
      'ended with exit code 0',
    ];
    for (const line of lines)
      if (!said.includes(line)) throw new Error(`examples/web does not say "${line}":\n${said}`);
  },
  semver: () => {
    const tags = execFileSync('git', ['tag', '--list', 'v*', '--sort=-v:refname', '--merged'], { cwd: ROOT });
    const last = `${tags}`.split('\n')[0];
    if (!last) console.log('Nothing has been released yet (there is no tag v*), so nothing can be broken.');
    else cargo(['semver-checks', '--all-features', '--baseline-rev', last]);
  },
};

function cargo(args, cwd = ROOT, env = {}) {
  console.log(`cargo ${args.join(' ')}`);
  execFileSync('cargo', args, { cwd, stdio: 'inherit', env: { ...process.env, ...env } });
}

function metadata() {
  const args = ['metadata', '--no-deps', '--format-version=1'];
  return JSON.parse(execFileSync('cargo', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 2 ** 30 }));
}

const names = process.argv.slice(2);
const unknown = names.filter((name) => !(name in CHECKS));
if (names.length === 0 || unknown.length > 0) {
  console.error(`Name some of: ${Object.keys(CHECKS).join(', ')}.`);
  process.exitCode = 2;
} else {
  try {
    for (const name of names) CHECKS[name]();
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
