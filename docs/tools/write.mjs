// `npm run docs:write`: puts into the documents what is made from something else, so that it is written once.
//
//   <!-- file: examples/sum.rs -->                  the next block is this file
//   <!-- file: examples/upper.rs; a/b.js -> b.js --> the same, with one text in the place of another
//   <!-- made: NAME -->...<!-- end -->              what is between these comes from made.mjs
//
// A test checks that all documents are as this would write them.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname, join, relative } from 'node:path';
import { images, made } from './made.mjs';

export const ROOT = join(import.meta.dirname, '../..');

/** A file of the project. */
export const read = (path) => readFileSync(join(ROOT, path), 'utf8');

/** All documents that people read, relative to the project's folder. */
export function documents() {
  const texts = [
    'README.md',
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'RELEASING.md',
    'SECURITY.md',
    'examples/README.md',
    'src/protocol.md',
  ];
  const pages = readdirMarkdown(join(ROOT, 'docs'));
  return [...texts, ...pages.map((path) => relative(ROOT, path))];
}

function readdirMarkdown(folder) {
  const found = readdirSync(folder, { recursive: true, withFileTypes: true });
  return found
    .filter(({ name, parentPath }) => name.endsWith('.md') && !parentPath.includes('.vitepress'))
    .map(({ name, parentPath }) => join(parentPath, name))
    .sort();
}

/** The document as it should be. */
export function written(text, tools) {
  return text
    .replace(/(<!-- file: (\S+?)(?:; (.*?) -> (.*?))? -->\n+)```.*\n[\s\S]*?^```$/gm, (_, marker, path, from, to) => {
      return `${marker}${block(path, from, to)}`;
    })
    .replace(/(<!-- made: (\S+) -->\n)[\s\S]*?(<!-- end -->)/g, (_, begin, name, end) => {
      if (!made[name]) throw new Error(`Nothing called ${name} is made: see docs/tools/made.mjs`);
      return `${begin}\n${made[name](tools).trim()}\n\n${end}`;
    });
}

const LANGUAGES = { '.cjs': 'js', '.mjs': 'js', '.js': 'js', '.rs': 'rust' };

/** A file as a block, without what says where it is in this repository. */
function block(path, from, to = '') {
  let text = read(path)
    .replace(/^'use strict';\n+/, '')
    .replace(/^(\/\/!.*\n)+\n*/, '');
  if (from) text = text.replaceAll(from, to.trim());
  // Rust is compiled where it is an example already.
  const language = LANGUAGES[extname(path)] ?? extname(path).slice(1);
  return `\`\`\`${language === 'rust' ? 'rust,ignore' : language}\n${text.trimEnd()}\n\`\`\``;
}

/** Paths of what differs from what it should be, and what that is. */
export function outdated(tools) {
  const texts = documents().map((path) => [path, written(read(path), tools)]);
  return [...texts, ...Object.entries(images())].filter(([path, text]) => current(path) !== text);
}

function current(path) {
  return existsSync(join(ROOT, path)) ? read(path) : undefined;
}

if (process.argv[1] === import.meta.filename) {
  const command = createRequire(import.meta.url)('../../js/build.cjs').build({ bin: 'crossfork', features: ['cli'] });
  for (const [path, text] of outdated({ command })) {
    writeFileSync(join(ROOT, path), text);
    console.log(path);
  }
}
