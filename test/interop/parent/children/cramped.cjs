'use strict';

// Uses up its descriptors when it is told to, and then can take no handles.

const { closeSync, openSync } = require('node:fs');
const { serve } = require('./handles.cjs');

const taken = [];

process.on('message', (message, handle) => {
  if (handle) {
    serve(message, handle);
  } else if (message === 'fill') {
    fill();
    process.send('full');
  } else {
    while (taken.length > 0) closeSync(taken.pop());
    process.send('empty');
  }
});

function fill() {
  try {
    while (true) taken.push(openSync('/dev/null'));
  } catch (error) {
    if (error.code !== 'EMFILE') throw error;
  }
}
