// The documentation's own commands and programs, run as they are printed. Rust programs are
// compiled by `cargo test --doc`.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const packageJson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

function blocks(file, language) {
  const text = readFileSync(join(root, file), 'utf8');
  const found = [...text.matchAll(/^```(\S*)\n([\s\S]*?)^```$/gm)];
  return found.filter((block) => block[1] === language).map((block) => block[2]);
}

function commands(file) {
  const lines = blocks(file, 'sh').flatMap((block) => block.split('\n'));
  return lines.map((line) => line.replace(/#.*/, '').trim()).filter(Boolean);
}

function run(command, args, options = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    timeout: 8 * 60_000,
    env: { ...process.env, PORT: '0' },
    ...options,
  });
  const output = `${result.stdout}\n${result.stderr}`;
  assert.equal(result.status, 0, `${command} ${args.join(' ')} failed:\n${output.slice(-4000)}`);
  return result.stdout;
}

// `npm test` runs this very file.
const notHere = new Set(['npm test', 'npm run test:full']);

/** Of a bench one item is measured: enough to know that the command works. */
const ONE_ITEM = {
  'npm run bench -- --quick': '--only start --debug',
  'npm run bench:fd -- --quick': '--only memory',
};

for (const file of ['README.md', 'CONTRIBUTING.md']) {
  for (const command of commands(file)) {
    test(`${file}: ${command}`, { skip: notHere.has(command) && 'it is what runs this test' }, () => {
      const script = /^npm (?:run )?([a-z]+)/.exec(command)?.[1];
      if (script) {
        assert.ok(packageJson.scripts[script], `package.json has the script ${script}`);
      }
      run('sh', ['-c', [command, ONE_ITEM[command]].filter(Boolean).join(' ')]);
    });
  }
}

/** With a name for its abstract socket that nobody else on this machine has. */
const unique = (program) => program.replaceAll('\\0readme', `\\0readme-${randomUUID()}`);

for (const [i, program] of blocks('README.md', 'js').entries()) {
  test(`README.md: the JavaScript program number ${i + 1} prints what its comments say`, () => {
    const expected = [...program.matchAll(/console\.log\(.*\); \/\/ (.*)/g)].map(([, text]) => text);
    assert.notEqual(expected.length, 0);
    assert.equal(run(process.execPath, ['-e', unique(program)]).trim(), expected.join('\n'));
  });
}

test('the page of the protocol explains every rule that the code and its tests cite', () => {
  const cited = new Set();
  const listing = run('git', ['ls-files', '--cached', '--others', '--exclude-standard', 'src', 'test', 'examples']);
  for (const file of listing.split('\n').filter((name) => /\.(rs|cjs|mjs|js)$/.test(name))) {
    if (!existsSync(join(root, file))) continue; // removed, and git has not been told
    const text = readFileSync(join(root, file), 'utf8');
    for (const [, family, number] of text.matchAll(/\b(CH|SER|ADV|INT|HND|SOCK|LIFE|CLU|NEVER)-(\d+)\b/g)) {
      cited.add(`${family}-${number}`);
    }
  }
  const explained = readFileSync(join(root, 'src', 'protocol.md'), 'utf8');
  const missing = [...cited].filter((rule) => !explained.includes(`<a id="${rule}"`));
  assert.deepEqual(missing, []);
});
