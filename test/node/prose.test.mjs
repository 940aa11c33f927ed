// The rules of prose find what they are for. `npm run prose` applies them to all documents.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lint } from '../prose/lint.mjs';

const found = async (text, path = 'page.md') => (await lint(path, text)).map(({ line, message }) => [line, message]);
const LONG = `A ${'very '.repeat(30)}long sentence.`;

test('prose: a sentence that is too long is found, in paragraphs, lists and tables', async () => {
  const expected = 'This sentence has 33 words. Split it: 30 are enough.';
  assert.deepEqual(await found(`First.\n\n${LONG}\n`), [[3, expected]]);
  assert.deepEqual(await found(`- ${LONG}\n`), [[1, expected]]);
  assert.deepEqual(await found(`| a |\n|---|\n| ${LONG} |\n`), [[3, expected]]);
});

test('prose: code, links and short sentences do not count', async () => {
  assert.deepEqual(
    await found(`\`${LONG}\` is [one word](${'long/'.repeat(30)}).\n\n\`\`\`text\n${LONG}\n\`\`\`\n`),
    [],
  );
  assert.deepEqual(await found('It begins with instance 0. '.repeat(10)), []);
});

test('prose: a quaint word is found, and what to write instead is said', async () => {
  assert.deepEqual(await found('Whoever reads this may leave.\n'), [
    [1, 'Instead of "Whoever" write the one who, or a name.'],
  ]);
  assert.deepEqual(await found('It waits, for nobody reads.\n'), [
    [1, 'Instead of "for nobody" write ", because ...".'],
  ]);
  assert.deepEqual(await found('Use it for the first call.\n'), []);
});

test('prose: of code, documentation comments are read, and examples in them are not', async () => {
  const code =
    '/**\n * Nobody knows.\n *\n * @example\n * nobodyKnows(); // nobody knows\n */\nlet nobody = "nobody knows";\n';
  assert.deepEqual(await found(code, 'index.d.ts'), [[2, 'Instead of "Nobody knows" write unknown.']]);
});
