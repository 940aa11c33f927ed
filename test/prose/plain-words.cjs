'use strict';

// Words that readers of English as a second language stumble over, and what to write instead.
const WORDS = [
  [/\bwhat becomes? of\b/i, 'what happens to'],
  [/\bwhat became of\b/i, 'what happened to'],
  [/\bnobody knows\b/i, 'unknown'],
  [/\bwhoever\b/i, 'the one who, or a name'],
  [/\bwhom\b/i, 'who, or a name'],
  [/, for (?:it|they|he|she|this|that|there|these|those|no|nobody|we|our|its|then|such)\b/i, '", because ..."'],
  [/\bbut for\b/i, 'except'],
  [/\bsave for\b/i, 'except'],
  [
    /\b(?:hence|thus|thereof|therein|whereby|wherein|whilst|amongst|upon|lest|ought|shall|aforesaid)\b/i,
    'a common word',
  ],
  [/\bby and by\b/i, 'later'],
  [/\banew\b/i, 'again'],
  [/\bfor ever\b/i, 'forever, or without a limit'],
  [/\bat hand\b/i, 'available, or open'],
  [/\bis of (?:no )?use\b/i, 'is ready, or cannot be used'],
  [/\bbe it\b/i, 'whether'],
  [/\bof one's own\b/i, 'of your own'],
  [/\bone's\b/i, 'your'],
  [/\bback-pressure\b/i, 'backpressure'],
  [/\bin order to\b/i, 'to'],
  [/\b(?:utili[sz]e|leverage)\b/i, 'use'],
  [/\b(?:simply|obviously|of course|basically|needless to say)\b/i, 'nothing'],
  [
    /\b(?:blazing(?:ly)?|seamless(?:ly)?|effortless(?:ly)?|robust|cutting[- ]edge|state[- ]of[- ]the[- ]art)\b/i,
    'a fact or a figure',
  ],
  [/\bthe most that\b/i, 'at most'],
  [/\bas long as it likes\b/i, 'without a limit'],
  [/\bbehind (?:his|her|its|our|your) back\b/i, 'without ... knowing'],
  [/\bis asked to go\b|\basked to go\b/i, 'asked to stop'],
  [/\bit is no (?!longer)\w+\b/i, 'it is not a ...'],
];

module.exports = (context) => {
  const { Syntax, RuleError, locator, report, getSource } = context;
  return {
    [Syntax.Str](node) {
      const text = getSource(node);
      for (const [pattern, instead] of WORDS) {
        const found = pattern.exec(text);
        if (!found) continue;
        const padding = locator.range([found.index, found.index + found[0].length]);
        report(node, new RuleError(`Instead of "${found[0].replace(/^, /, '')}" write ${instead}.`, { padding }));
      }
    },
  };
};
