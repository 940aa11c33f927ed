// A reporter for `node --test`: each failure once, in a few lines, with the names of what it is part of.
import { inspect } from 'node:util';

const MOST_LINES = 8;
const MOST_COLUMNS = 300;
const IS_FRAME = /^\s+at /;

export default async function* failures(events) {
  const path = [];
  for await (const { type, data } of events) {
    if (type === 'test:start') path.splice(data.nesting, path.length, data.name);
    if (type !== 'test:fail') continue;
    const { error } = data.details;
    // Its parts have told.
    if (error.failureType === 'subtestsFailed') continue;
    const name = [...path.slice(0, data.nesting), data.name].join(' > ');
    yield `${name}\n${indented(error.cause ?? error)}\n`;
  }
}

function indented(cause) {
  const text = cause?.message || (typeof cause === 'string' ? cause : inspect(cause));
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !IS_FRAME.test(line));
  if (lines.length > MOST_LINES) lines.splice(MOST_LINES, lines.length, '...');
  return lines.map((line) => `    ${line.slice(0, MOST_COLUMNS)}`).join('\n');
}
