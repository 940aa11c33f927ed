'use strict';

// Compiles each regular expression that `interop-values judge` has judged, and compares: node compile.cjs < judged.
// Prints how many there are of each kind, and examples of those that should not be.

const { createInterface } = require('node:readline');

const major = Number(process.versions.node.split('.')[0]);
const found = { compiled: 0, refused: 0, wronglySent: [], notSent: 0, examples: [] };

createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })
  .on('line', (line) => {
    const [json, first, flags] = line.split(' ');
    const source = JSON.parse(json);
    const sent = first !== '0' && Number(first) <= major;
    const compiles = isValid(source, flags);
    if (compiles) found.compiled++;
    else found.refused++;
    if (sent && !compiles) found.wronglySent.push([source, flags]);
    if (!sent && compiles) {
      found.notSent++;
      if (found.examples.length < 10) found.examples.push([source, flags]);
    }
  })
  .on('close', () => {
    found.wronglySent.splice(50);
    console.log(JSON.stringify(found));
  });

function isValid(source, flags) {
  try {
    return new RegExp(source, flags) !== undefined;
  } catch {
    return false;
  }
}
