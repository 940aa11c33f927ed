'use strict';

// What main.rs does, in JavaScript, with the serializer that comes with Node. (Node's channels add a layer of
// JavaScript to it: what is measured here is the faster part.)

const { deserialize, serialize } = require('node:v8');

process.on('message', ({ job, warm, count, value }) => {
  const record = serialize(value);
  const work = job === 'encode' ? () => serialize(value) : () => deserialize(record);
  repeat(work, warm);
  const start = process.hrtime.bigint();
  repeat(work, count);
  const time = Number(process.hrtime.bigint() - start) / 1000;
  process.send({ result: { time }, value: deserialize(job === 'encode' ? work() : record) });
});

let last;

function repeat(work, count) {
  for (let i = 0; i < count; i++) last = work();
  return last;
}
