// `npm run prose`: reads what people read, and says which sentences are too long and which words are quaint. The rules are in
// this folder.
//
//   npm run prose                 all documents, and the comments of js/index.d.ts
//   npm run prose -- FILE...      these
import { createRequire } from 'node:module';
import { argv } from 'node:process';
import { TextlintKernel } from '@textlint/kernel';
import markdown from '@textlint/textlint-plugin-markdown';
import { documents, read } from '../../docs/tools/write.mjs';

const require = createRequire(import.meta.url);

/** The changelog tells what was, in the words of its time. */
const all = [...documents().filter((path) => path !== 'CHANGELOG.md'), 'js/index.d.ts'];

const kernel = new TextlintKernel();
const options = (path) => ({
  ext: '.md',
  plugins: [{ pluginId: 'markdown', plugin: markdown.default }],
  rules: [
    {
      ruleId: 'sentence-length',
      rule: require('./sentence-length.cjs'),
      // The map in there has lists in its cells, and no sentences.
      options: { max: 30, cells: path !== 'CONTRIBUTING.md' },
    },
    { ruleId: 'plain-words', rule: require('./plain-words.cjs') },
  ],
});

let count = 0;
for (const path of argv.length > 2 ? argv.slice(2) : all) {
  const text = path.endsWith('.md') ? read(path) : comments(read(path));
  const { messages } = await kernel.lintText(text, options(path));
  for (const { line, column, message } of messages) console.log(`${path}:${line}:${column}: ${message}`);
  count += messages.length;
}
if (count > 0) {
  console.log(`\n${count} to mend.`);
  process.exitCode = 1;
}

/** Documentation comments as paragraphs, each in its line; all else is empty. */
function comments(code) {
  let inside = false;
  let isCode = false;
  const lines = code.split('\n').map((line) => {
    const begins = /^\s*(?:\/\*\*|\/\/\/|\/\/!)/.test(line);
    if (begins) inside = line.includes('/**');
    const own = begins || inside ? line.replace(/^\s*(?:\/\*\*|\/\/[/!]|\*(?!\/))\s?/, '').replace(/\*\/.*/, '') : '';
    if (line.includes('*/')) inside = false;
    // Each tag is a sentence of its own, and what follows @example is code.
    if (begins) isCode = false;
    isCode ||= own.startsWith('@example');
    return isCode ? '' : own.replace(/^@\w+/, '-');
  });
  return lines.join('\n');
}
