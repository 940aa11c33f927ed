'use strict';

// LIFE-9: a parent that does not read makes the child wait, not grow.

const assert = require('node:assert');
const { parentOf } = require('../kit/parent.cjs');
const { residentMemory, resting } = require('../kit/proc.cjs');
const { isNode } = require('../kit/runtime.cjs');
const { run } = require('../kit/runner.cjs');
const { event, until } = require('../kit/wait.cjs');

const MEGABYTE = 1 << 20;
const scenarios = {};

scenarios['LIFE-9: a child waits when it sends to a stopped parent'] = {
  heavy: true,
  kinds: ['blocking', 'tokio'],
  deadline: 150_000,
  run: async (t) => {
    const size = 10_000;
    const count = 2000;
    const { parent, pid } = await parentOf(
      t,
      `let next = 0;
       child.on('message', ({ i }) => {
         if (i !== next++) process.exit(7);
         if (next === 1) {
           console.log(child.pid);
           process.kill(process.pid, 'SIGSTOP');
         }
         if (next === ${count}) child.disconnect();
       });
       child.on('exit', (code) => process.exit(code));
       child.send({ op: 'burst', count: ${count}, size: ${size} });`,
    );
    await until(() => resting(pid), 'the child waits', 60_000);
    assertBelow(10 * MEGABYTE, pid);
    process.kill(parent.pid, 'SIGCONT');
    const [code] = await event(parent, 'exit', 'the parent to have received everything', 60_000);
    assert.strictEqual(code, 0);
  },
};

scenarios['LIFE-9: a child waits when it echoes to a parent that does not read'] = {
  heavy: true,
  deadline: 150_000,
  unless: () => !isNode && 'only Node lets a test stop its reading',
  run: async (t) => {
    const child = t.child();
    await child.echo();
    const handle = Object.getOwnPropertySymbols(child.process).find(
      ({ description }) => description === 'kChannelHandle',
    );
    const channel = child.process[handle];
    channel.readStop();
    const size = 65_000;
    const message = (i) => `${i}`.padEnd(size, 'x');
    const count = 1800;
    for (let i = 0; i < count; i++) child.send(message(i));
    let queued = 0;
    const stuck = () => {
      const before = queued;
      queued = channel.writeQueueSize;
      return queued > 0 && queued === before && resting(child.pid);
    };
    await until(stuck, 'the child waits', 60_000);
    // The default receive limit is 64 MB, and the system's buffers come on top.
    assert.ok(count * size - queued < 66 * MEGABYTE, `the child has taken all but ${queued} bytes`);
    assertBelow(128 * MEGABYTE, child.pid);
    channel.readStart();
    for (let i = 0; i < count; i++) await child.expect(message(i));
  },
};

function assertBelow(bound, pid) {
  const memory = residentMemory(pid);
  assert.ok(memory < bound, `the child holds ${memory / MEGABYTE} MB`);
}

run(scenarios);
