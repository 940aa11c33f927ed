'use strict';

// Tells, in the end, what came.

let messages = 0;
let characters = 0;

process.on('message', (text) => {
  messages++;
  characters += text.length;
});
process.on('disconnect', () => console.log(`${messages} messages, ${characters} characters`));
