'use strict';

// Sends a message and ends: exit <code> | throw | signal <name>.

const [how, what] = process.argv.slice(2);

process.on('message', () => {}); // it would not end by itself
process.send('before the end', () => {
  if (how === 'exit') process.exit(Number(what));
  if (how === 'signal') process.kill(process.pid, what);
  throw new Error('thrown on purpose');
});
