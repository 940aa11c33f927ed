import assert from 'node:assert';
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { compileFunction } from 'node:vm';
import { Program } from '../program.mjs';
import { commandLine, runtimes } from '../runtimes/index.mjs';
import { addon, command } from './native.mjs';

const require = createRequire(import.meta.url);
const JS = join(import.meta.dirname, '../../js');
const folder = mkdtempSync(join(tmpdir(), 'crossfork-'));
after(() => rmSync(folder, { recursive: true }));

/** A copy of the package's JavaScript without native files, in its own node_modules. */
function unbuilt(name) {
  const root = join(folder, name, 'node_modules', 'crossfork');
  cpSync(JS, join(root, 'js'), { recursive: true });
  return root;
}

const load = (root, program) =>
  spawnSync(process.execPath, ['-e', `const crossfork = require('./js/index.cjs'); ${program}`], {
    cwd: root,
    encoding: 'utf8',
  });

for (const runtime of runtimes) {
  test(`load: ${runtime.name}, require and import give the same functions`, () => {
    const program = join(folder, `${runtime.name}.mjs`);
    writeFileSync(
      program,
      `import * as imported from ${JSON.stringify(join(JS, 'index.mjs'))};
       import { createRequire } from 'node:module';
       const required = createRequire(import.meta.url)(${JSON.stringify(join(JS, 'index.cjs'))});
       const same = Object.keys(required).every((name) => imported[name] === required[name]);
       console.log(same, Object.keys(imported).sort().join() === Object.keys(required).sort().join());
       console.log(imported.describeFd(imported.memfd('x')).kind);`,
    );
    const { stdout, stderr } = spawnSync(runtime.bin, commandLine(runtime, program), { encoding: 'utf8' });
    assert.deepStrictEqual({ stdout, stderr }, { stdout: 'true true\nmemfd\n', stderr: '' });
  });
}

/** A call that needs the addon, and one that does not. */
const CALLS = `
  for (const act of [() => crossfork.describeFd(0).fd, () => crossfork.fork('/bin/cat', { stdio: ['pipe', 0, 0, 'ipc'] }).kill()]) {
    try {
      console.log(act());
    } catch (error) {
      console.log(error.code, error.message);
    }
  }`;

test('load: without the addon the package can be imported, and functions that do not need it work', () => {
  const root = unbuilt('missing');
  const { status, stdout, stderr } = load(root, CALLS);
  assert.deepStrictEqual([status, stderr], [0, '']);
  assert.match(
    stdout,
    /^ERR_CROSSFORK_NOT_BUILT Cannot load the crossfork addon, which .*: no file for Linux on \S+ was found/,
  );
  const name = basename(dirname(addon));
  for (const line of [
    `  - ${join(root, 'native', name, 'crossfork.node')}: not found`,
    `  - the package crossfork-${name}: not found`,
    'These functions work without the addon: fork and clusterFork.\n',
  ]) {
    assert.ok(stdout.includes(line), `${line}\nis not in\n${stdout}`);
  }
  assert.ok(stdout.endsWith('\ntrue\n'), stdout);
});

// An ES module bundle has no __dirname, and files in the working directory cannot be trusted.
test('load: in an ES module bundle no files are loaded from the working directory', () => {
  const [platform, binary] = ['platform', 'binary'].map((name) => readFileSync(join(JS, `${name}.cjs`), 'utf8'));
  const bundled = (source, require) => {
    const module = {};
    compileFunction(source, ['module', 'require'])(module, require);
    return module.exports;
  };
  const places = bundled(platform, require);
  const others = { './platform.cjs': places, './program.cjs': { problemOf: () => undefined } };
  const unavailable = (_, tried) => new Error(tried.join());
  const required = (name) => others[name] ?? (name.startsWith('.') ? { unavailable } : require(name));
  const { crossforkPath } = bundled(binary, required);
  assert.throws(crossforkPath, { message: /^the folder of this package: not found,/ });
});

test('load: the error names the build command only if the sources are present', () => {
  const root = unbuilt('sources');
  assert.match(load(root, CALLS).stdout, /\nInstall the package for this platform \(.*\): crossfork-linux-/);
  cpSync(join(JS, '../src/addon'), join(root, 'src/addon'), { recursive: true });
  const { stdout } = load(root, CALLS);
  for (const line of [`  node "${join(root, 'js', 'build.cjs')}"`, 'cargo (https://rustup.rs)']) {
    assert.ok(stdout.includes(line), `${line}\nis not in\n${stdout}`);
  }
});

for (const [platform, words] of [
  [
    'darwin',
    /it supports only Linux, and this is macOS on .*\nThese functions work without the addon: fork and clusterFork\.\ntrue\n$/,
  ],
  [
    'win32',
    /it supports only Linux, and this is Windows on .*WSL 2, where all of it works\.\nERR_FEATURE.*Windows: use WSL 2\n$/s,
  ],
]) {
  test(`load: on ${platform} the package can be imported, and the error says what works`, () => {
    const program = `
      Object.defineProperty(process, 'platform', { value: '${platform}' });
      const crossfork = require('./js/index.cjs');
      ${CALLS}`;
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], {
      cwd: unbuilt(platform),
      encoding: 'utf8',
    });
    assert.strictEqual(stderr, '');
    assert.match(stdout, /^ERR_FEATURE_UNAVAILABLE_ON_PLATFORM /);
    assert.match(stdout, words);
    assert.doesNotMatch(stdout, /cargo|build\.cjs|npm/);
  });
}

for (const runtime of runtimes.filter(({ kind }) => kind === 'node')) {
  const run = (...flags) => {
    const program = `const crossfork = require(${JSON.stringify(join(JS, 'index.cjs'))}); ${CALLS}`;
    return spawnSync(runtime.bin, [...flags, '-e', program], { encoding: 'utf8' }).stdout;
  };

  test(`load: ${runtime.name}, with --no-addons the functions that need no addon work`, () => {
    const stdout = run('--no-addons');
    assert.match(
      stdout,
      /^ERR_DLOPEN_DISABLED .*: this process is not allowed to load addons\.\n.*\nStart it without --no-addons\.\ntrue\n$/,
    );
  });

  const skip = runtime.major < 24 && 'its permission model is experimental';
  test(`load: ${runtime.name}, under the permission model the functions that need no addon work`, { skip }, () => {
    const stdout = run('--permission', '--allow-fs-read=*', '--allow-child-process');
    assert.match(stdout, /^ERR_DLOPEN_DISABLED .*\n.*\nStart it with --allow-addons\.\ntrue\n$/);
  });
}

for (const runtime of runtimes.filter(({ kind }) => kind === 'deno')) {
  test('load: deno, without --allow-ffi the error names that flag', () => {
    const program = join(folder, 'no-ffi.cjs');
    writeFileSync(
      program,
      `const crossfork = require(${JSON.stringify(join(JS, 'index.cjs'))}); crossfork.describeFd(0);`,
    );
    const args = ['run', '--quiet', '--allow-read', '--allow-env', '--allow-sys', program];
    const { stderr } = spawnSync(runtime.bin, args, { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } });
    assert.match(stderr, /this process is not allowed to load addons\.\n.*\nStart it with --allow-ffi\./);
  });
}

test('load: the error says why a file cannot be loaded', () => {
  const root = unbuilt('broken');
  const place = join(root, 'native', basename(dirname(addon)));
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'crossfork.node'), 'not a library');
  assert.match(load(root, CALLS).stdout, /crossfork\.node: .*(too short|invalid ELF header)/);
});

test('load: the package for the platform is found beside the main package', () => {
  const root = unbuilt('beside');
  const name = `crossfork-${basename(dirname(addon))}`;
  const place = join(root, '..', name);
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'package.json'), JSON.stringify({ name }));
  for (const file of ['crossfork', 'crossfork.node']) symlinkSync(join(dirname(addon), file), join(place, file));
  const { stdout, stderr } = load(root, 'console.log(crossfork.describeFd(0).fd, crossfork.crossforkPath())');
  assert.deepStrictEqual([/^0 /.test(stdout), stdout.endsWith(`${name}/crossfork\n`), stderr], [true, true, '']);
});

test('crossforkPath: without a command, the error lists all places that were tried', () => {
  const root = unbuilt('no-command');
  const place = join(root, 'native', basename(dirname(addon)));
  mkdirSync(place, { recursive: true });
  symlinkSync(addon, join(place, 'crossfork.node'));
  const { stderr } = load(root, 'crossfork.crossforkPath()');
  assert.match(stderr, /Cannot load the crossfork command: no file for .* was found\. Tried:/);
  assert.ok(stderr.includes(`${join(place, 'crossfork')}: there is no such file`));
});

test('crossforkPath, fork: a command for another C library is reported as such', () => {
  const root = unbuilt('other-libc');
  const place = join(root, 'native', basename(dirname(addon)));
  mkdirSync(place, { recursive: true });
  const loader = '/lib64/ld-linux-x86-64.so.2';
  const there = readFileSync(command);
  const at = there.indexOf(loader);
  assert.ok(at > 0 && at < 4096, 'the file names its loader');
  there.write(loader.replace('linux', 'other'), at);
  writeFileSync(join(place, 'crossfork'), there, { mode: 0o755 });
  const { stderr } = load(root, 'crossfork.crossforkPath()');
  assert.match(stderr, /crossfork: it needs '\/lib64\/ld-other-x86-64\.so\.2', which does not exist/);
  const fork = load(root, `crossfork.fork(${JSON.stringify(join(place, 'crossfork'))})`).stderr;
  assert.match(fork, /Cannot fork '.*': it needs '\/lib64\/ld-other.*another C library/);
});

test('npx crossfork: without a command it prints only the message, without a stack', () => {
  const root = unbuilt('no-cli');
  const { status, stderr } = spawnSync(process.execPath, ['js/cli.cjs', '--help'], { cwd: root, encoding: 'utf8' });
  assert.strictEqual(status, 1);
  assert.match(stderr, /^Cannot load the crossfork command: no file for/);
  assert.doesNotMatch(stderr, / at /);
});

test('npx crossfork: runs the command, with its streams and its exit code', () => {
  const cli = require.resolve('../../js/cli.cjs');
  const run = (...args) => spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8' });
  assert.match(run('--help').stdout, /worker/);
  assert.strictEqual(run('--help').status, 0);
  const wrong = run('no-such-subcommand');
  assert.strictEqual(wrong.status, 2);
  assert.match(wrong.stderr, /no-such-subcommand/);
});

test('npx crossfork: stops the command when npm has ended the shell that runs it', { timeout: 120_000 }, async (t) => {
  const cli = require.resolve('../../js/cli.cjs');
  const server = join(folder, 'until-npm-ends.cjs');
  writeFileSync(server, "require('node:http').createServer().listen(0, '127.0.0.1');");
  const script = `${JSON.stringify(process.execPath)} ${JSON.stringify(cli)} run -i 1 ${JSON.stringify(server)}; true`;
  const env = { ...process.env, npm_lifecycle_event: 'npx' };
  const shell = spawn('sh', ['-c', script], { env, stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  t.after(() => {
    try {
      process.kill(-shell.pid, 'SIGKILL');
    } catch {
      // All have ended, as they should.
    }
  });
  const program = new Program(shell);
  await program.said(/listens/);
  shell.kill('SIGTERM');
  await program.said(/SIGTERM: stopping/);
  // Closed when all that had it have ended.
  await program.closed;
  assert.match(program.text, /exit code 0/);
});

for (const runtime of runtimes.filter(({ kind }) => kind === 'bun')) {
  for (const target of ['node', 'bun']) {
    test(`load: bun build for ${target} puts the addon beside the bundle`, () => {
      const entry = join(folder, 'entry.mjs');
      writeFileSync(
        entry,
        `import { describeFd, memfd } from ${JSON.stringify(join(JS, 'index.mjs'))};
         console.log(describeFd(memfd('x')).kind);`,
      );
      const out = join(folder, `bundle-${target}`);
      const built = spawnSync(runtime.bin, ['build', entry, `--target=${target}`, `--outdir=${out}`], {
        encoding: 'utf8',
      });
      assert.strictEqual(built.status, 0, built.stderr);
      assert.strictEqual(readdirSync(out).filter((file) => file.endsWith('.node')).length, 1);
      const bin = target === 'bun' ? runtime.bin : process.execPath;
      const { stdout, stderr } = spawnSync(bin, [join(out, 'entry.js')], { encoding: 'utf8' });
      assert.deepStrictEqual([stdout, stderr], ['memfd\n', '']);
    });
  }
}

test('load: the paths of all platforms with a package are literals, for bundlers and file tracers', () => {
  const text = readFileSync(join(JS, 'load.cjs'), 'utf8');
  const required = [...text.matchAll(/ require\('([^']*\.node)'\)/g)].map(([, name]) => name);
  for (const platform of ['linux-x64-gnu', 'linux-x64-musl', 'linux-arm64-gnu', 'linux-arm64-musl']) {
    assert.ok(required.includes(`../native/${platform}/crossfork.node`), platform);
    assert.ok(required.includes(`crossfork-${platform}/crossfork.node`), platform);
  }
});
