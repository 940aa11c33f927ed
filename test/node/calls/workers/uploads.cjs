'use strict';

// A worker whose methods read streams.

const { serve } = require('../../../../js/index.cjs');

const seen = [];
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

serve(
  {
    echo: (value) => value,
    ignore: () => 'ignored',
    seen: () => seen,
    async sum({ rows, factor }) {
      let sum = 0;
      for await (const row of rows) sum += row * factor;
      return sum;
    },
    async zip(first, second) {
      const all = [];
      for await (const one of first) all.push(one, (await second.next()).value);
      return all;
    },
    pipe: (rows) => rows,
    async first({ rows, count, pause }) {
      const all = [];
      for await (const row of rows) {
        await sleep(pause);
        if (all.push(row) === count) break;
      }
      return all;
    },
    async untilError(rows) {
      const all = [];
      try {
        for await (const row of rows) all.push(row);
      } catch ({ name, message }) {
        all.push(name, message);
      }
      return all;
    },
    async stuck({ rows }) {
      await rows.next();
      await sleep(20);
      try {
        for await (const _ of rows) await sleep(1);
      } catch ({ name }) {
        seen.push(name);
      }
    },
    async die({ rows }) {
      await rows.next();
      process.exit(7);
    },
  },
  { concurrency: 4 },
);
