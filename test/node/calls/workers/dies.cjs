'use strict';

// A worker that dies where it is told to, and writes down each call that it begins.

const { appendFileSync } = require('node:fs');
const { serve } = require('../../../../js/index.cjs');

const journal = process.env.CROSSFORK_TEST_JOURNAL;
const note = (what) => journal && appendFileSync(journal, `${what}\n`);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const die = () => process.kill(process.pid, 'SIGKILL');
const never = () => new Promise(() => {});

/** What happens with a call of `die`, by the point at which the worker dies. */
const points = {
  onArrival: die,
  async running() {
    await sleep(10);
    die();
    return never();
  },
  async afterProgress(cx) {
    cx.progress('nearly there');
    await sleep(10);
    die();
    return never();
  },
  afterItems: die,
  whileAnswering() {
    // The answer is large, so that the channel can't take all of it.
    setImmediate(() => setImmediate(die));
    return 'x'.repeat(3_000_000);
  },
  afterAnswering() {
    setTimeout(die, 1);
    return 'answered';
  },
  // The parent stops it, so that what comes then is not read, and kills it.
  stopped(cx) {
    cx.progress(process.pid);
    return never();
  },
};

const parent = serve(
  {
    die({ point, i = point }, cx) {
      note(`die ${i}`);
      return points[point](cx);
    },
    work({ i }) {
      note(`work ${i}`);
      return i;
    },
    async slow({ i }) {
      note(`slow ${i}`);
      await sleep(20);
      return i;
    },
    async *dieStreaming({ point }) {
      note('stream');
      yield 1;
      yield 2;
      if (point === 'afterItems') {
        await sleep(10);
        die();
      }
    },
  },
  { concurrency: Number(process.argv[2] ?? 16) },
);
parent.on('message', () => {});
