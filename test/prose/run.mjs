// `npm run prose`: reads what people read, and says which sentences are too long and which words are quaint. The rules are in
// this folder.
//
//   npm run prose                 all documents, and the comments of js/index.d.ts
//   npm run prose -- FILE...      these
import { argv } from 'node:process';
import { documents, read } from '../../docs/tools/write.mjs';
import { lint } from './lint.mjs';

/** The changelog tells what was, in the words of its time. */
const all = [...documents().filter((path) => path !== 'CHANGELOG.md'), 'js/index.d.ts'];

let count = 0;
for (const path of argv.length > 2 ? argv.slice(2) : all) {
  const messages = await lint(path, read(path));
  for (const { line, column, message } of messages) console.log(`${path}:${line}:${column}: ${message}`);
  count += messages.length;
}
if (count > 0) {
  console.log(`\n${count} to mend.`);
  process.exitCode = 1;
}
