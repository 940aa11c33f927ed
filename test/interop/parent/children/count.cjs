'use strict';

// Reports at the end what it received.

let messages = 0;
let characters = 0;

process.on('message', (text) => {
  messages++;
  characters += text.length;
});
process.on('disconnect', () => console.log(`${messages} messages, ${characters} characters`));
