// Checks the documents: generated parts are up to date, links work, tests run all code in them, and they are complete.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { anchors, blocks, commands, links } from '../../docs/tools/markdown.mjs';
import { documents, outdated, ROOT, read } from '../../docs/tools/write.mjs';
import { artifact } from '../artifacts.mjs';

/** A separate package, which `npm run check -- web` builds and runs. */
const WEB = 'examples/web/main.rs';

const PAGES = documents().filter((path) => /^docs\/[^/]*$/.test(path));

test('documents: programs, figures, gaps and options match the code (`npm run docs:write`)', () => {
  const wrong = outdated({ command: artifact('crossfork') }).map(([path]) => path);
  assert.deepEqual(wrong, []);
});

test('documents: every relative link leads to an existing file and heading', () => {
  const wrong = [];
  for (const path of documents()) {
    for (const link of links(read(path)).filter((link) => !/^[a-z]+:/.test(link))) {
      const [file, anchor] = link.split('#');
      const target = file ? join(dirname(path), file) : path;
      const found = existsSync(join(ROOT, target));
      if (!found || (anchor && !anchors(read(target)).includes(anchor))) wrong.push(`${path}: ${link}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('documents: the pages of the packages are among the checked documents', () => {
  for (const path of ['docs/packages/npm.md', 'docs/packages/crate.md']) assert.ok(documents().includes(path));
});

test('documents: each page begins with a program or a command that a test runs', () => {
  const exempt = ['docs/index.md', 'docs/bundlers.md', 'docs/run.md'];
  for (const path of PAGES.filter((path) => !exempt.includes(path))) {
    const [first] = blocks(read(path));
    assert.ok(first.file ?? first.language === 'sh', `${path} begins with a block that no test runs`);
    assert.notEqual(commands(read(path)).length, 0, `${path} has no command that runs its programs`);
  }
});

test('documents: every Rust program is a compiled file or a documentation test', () => {
  const doctests = [...read('src/lib.rs').matchAll(/include_str!\("\.\.\/(.*)"\)/g)].map(([, path]) => path);
  for (const path of documents()) {
    const own = blocks(read(path)).filter(({ language, file }) => language.startsWith('rust') && !file);
    assert.ok(own.length === 0 || doctests.includes(path), `${path} has Rust programs that are not compiled`);
  }
  const targets = read('Cargo.toml');
  for (const { file } of documents().flatMap((path) => blocks(read(path)))) {
    if (file?.endsWith('.rs') && file !== WEB)
      assert.ok(targets.includes(`path = "${file}"`), `${file} is not a target in Cargo.toml`);
  }
});

/** The programs of the folder of examples. */
const examples = execFileSync('git', ['ls-files', 'examples'], { cwd: ROOT, encoding: 'utf8' })
  .split('\n')
  .filter((file) => /\.(rs|c?js)$/.test(file) && existsSync(join(ROOT, file)));

test('documents: every example has a line in examples/README.md', () => {
  const listed = read('examples/README.md');
  const helpers = /README|rust\.cjs|node\/|run\/|demo\/(front|screen|worker)/;
  for (const file of examples.filter((file) => !helpers.test(file))) {
    const name = basename(file).replace(/\.\w+$/, '');
    assert.ok(
      listed.includes(file) || listed.includes(relative('examples', file)) || listed.includes(` ${name}`),
      file,
    );
  }
});

test('documents: no example is longer than a page', () => {
  for (const file of examples) {
    const lines = read(file).split('\n').length;
    assert.ok(lines <= 120, `${file} has ${lines} lines`);
  }
});

test('documents: docs/errors.md has exactly the error codes of the code', () => {
  const sources = execFileSync('git', ['ls-files', 'src/*.rs', 'js/*.cjs'], { cwd: ROOT, encoding: 'utf8' });
  const inCode = sources
    .trim()
    .split('\n')
    .filter((file) => existsSync(join(ROOT, file)))
    .flatMap((file) => [...readFileSync(join(ROOT, file), 'utf8').matchAll(/["'](ERR_[A-Z_]+)["']/g)])
    .map(([, code]) => code);
  const inPage = [...read('docs/errors.md').matchAll(/^\| (.*?) \|/gm)].flatMap(
    ([, cell]) => cell.match(/ERR_[A-Z_]+/g) ?? [],
  );
  assert.deepEqual([...new Set(inPage)].sort(), [...new Set(inCode)].sort());
});

test('documents: the front page has the words that people search for', () => {
  const front = read('README.md').toLowerCase();
  for (const words of [
    'npm install',
    'cargo add',
    'graceful shutdown',
    'backpressure',
    'zero downtime',
    'file descriptor',
  ]) {
    assert.ok(front.includes(words), words);
  }
});

test('documents: the site builds, has no dead links, and sets a viewport for phones', { timeout: 240_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'crossfork-site-'));
  try {
    const vitepress = join(ROOT, 'node_modules/vitepress/bin/vitepress.js');
    execFileSync(process.execPath, [vitepress, 'build', 'docs', '--outDir', folder], { cwd: ROOT, stdio: 'pipe' });
    const pages = readdirSync(folder, { recursive: true }).filter((file) => /(?<!404)\.html$/.test(file));
    assert.ok(pages.length > PAGES.length);
    const wrong = pages.flatMap((page) => deadLinks(folder, page).map((link) => `${page}: ${link}`));
    assert.deepEqual(wrong, []);
    for (const page of pages) {
      const text = readFileSync(join(folder, page), 'utf8');
      assert.match(text, /<meta name="viewport" content="width=device-width/, page);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** Returns a page's links to missing files or headings of the site. */
function deadLinks(folder, page) {
  const text = readFileSync(join(folder, page), 'utf8');
  const found = [...text.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, link]) => link.replaceAll('&amp;', '&'));
  return found.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const { pathname, hash } = new URL(link, `site:///${page}`);
    const target = join(folder, decodeURIComponent(pathname.endsWith('/') ? `${pathname}index.html` : pathname));
    if (!existsSync(target)) return true;
    return hash !== '' && !readFileSync(target, 'utf8').includes(`id="${decodeURIComponent(hash.slice(1))}"`);
  });
}
