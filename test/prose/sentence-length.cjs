'use strict';

// A sentence says one thing: it has no more words than `max`.
const { splitAST, SentenceSplitterSyntax } = require('sentence-splitter');

module.exports = (context, { max = 30, cells = true } = {}) => {
  const { Syntax, RuleError, locator, report, getSource } = context;
  const check = (node) => {
    for (const sentence of splitAST(node).children.filter(({ type }) => type === SentenceSplitterSyntax.Sentence)) {
      const words = wordsOf(getSource(sentence));
      if (words <= max) continue;
      const padding = locator.at(sentence.range[0] - node.range[0]);
      report(node, new RuleError(`This sentence has ${words} words. Split it: ${max} are enough.`, { padding }));
    }
  };
  return cells ? { [Syntax.Paragraph]: check, [Syntax.TableCell]: check } : { [Syntax.Paragraph]: check };
};

/**
 * The words of the longest sentence in it: the splitter takes the end of "instance 0. While" for a decimal point. Code counts
 * as one word, and so does the text of a link as it is read.
 */
function wordsOf(markdown) {
  const text = markdown
    .replace(/<!--[\s\S]*?-->|<[^>]*>/g, ' ')
    .replace(/`[^`]*`/g, 'Code')
    .replace(/\]\([^)]*\)/g, ' ');
  const sentences = text.split(/(?<=[.!?])\s+(?=\p{Lu})/u);
  const words = (sentence) => sentence.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).length;
  return Math.max(...sentences.map(words));
}
