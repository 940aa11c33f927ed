// The rules of prose, for one text.
import { createRequire } from 'node:module';
import { TextlintKernel } from '@textlint/kernel';
import markdown from '@textlint/textlint-plugin-markdown';

const require = createRequire(import.meta.url);

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

/**
 * What is wrong with a document, or with the documentation comments of a file of code.
 * @returns {Promise<{ line: number, column: number, message: string }[]>}
 */
export async function lint(path, text) {
  const { messages } = await kernel.lintText(path.endsWith('.md') ? text : comments(text), options(path));
  return messages;
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
