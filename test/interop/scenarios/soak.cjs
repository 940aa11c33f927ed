'use strict';

// Many messages and handles in both directions, after which the worker is as large as it was at the beginning.
// CROSSFORK_SOAK=full is the long one.

const assert = require('node:assert');
const net = require('node:net');
const peers = require('../kit/peers.cjs');
const { run } = require('../kit/runner.cjs');
const { event, until } = require('../kit/wait.cjs');

const FULL = process.env.CROSSFORK_SOAK === 'full';
const ROUNDS = FULL ? 200 : 10;
const MESSAGES_A_ROUND = 500;
const HANDLES_A_ROUND = 100;
const WARM_UP = FULL ? 10 : 5; // rounds, after which the child has its size: at least 1,000 messages
// The allocator reaches its size by steps, over the first 100,000 messages, and stays there.
const TOLERANCE = 2 << 20;
const TYPES = ['net.Socket', 'net.Server', 'net.Native', 'dgram.Socket', 'dgram.Native'];

const [MESSAGES, HANDLES] = [MESSAGES_A_ROUND, HANDLES_A_ROUND].map((each) => each * ROUNDS);

run({
  [`soak: ${MESSAGES} messages and ${HANDLES} handles each way leave nothing behind`]: {
    kinds: ['worker'],
    deadline: FULL ? 20 * 60_000 : 60_000,
    run: async (t) => {
      const child = t.child();
      const server = await peers.listen(t);
      const start = await stats(child);
      let early;
      for (let round = 0; round < ROUNDS; round++) {
        await exchange(child);
        await give(child, server);
        await take(child, TYPES[round % TYPES.length]);
        if (round + 1 === WARM_UP) early = await settled(child, start, WARM_UP);
      }
      const late = await settled(child, start, ROUNDS);
      console.error(
        `soak, ${process.version}: ${describe(early)} after ${WARM_UP} rounds, ${describe(late)} at the end`,
      );
      assert.ok(late.rss - early.rss < TOLERANCE, `it grew from ${early.rss} to ${late.rss} bytes`);
      const each = { received: HANDLES, acknowledged: HANDLES, sent: HANDLES };
      assert.deepStrictEqual(late.handles, { ...each, refused: 0, lost: 0 });
    },
  },
});

async function exchange(child) {
  const message = (i) => ({ i, text: 'soak '.repeat(i % 50) });
  for (let i = 0; i < MESSAGES_A_ROUND; i++) child.send(message(i));
  for (let i = 0; i < MESSAGES_A_ROUND; i++) await child.expect(message(i));
}

/** Hands connections over and makes a request on each of them. */
async function give(child, server) {
  const clients = [];
  for (let i = 0; i < HANDLES_A_ROUND; i++) {
    const accepting = event(server, 'connection');
    clients.push(net.connect(server.address().port, '127.0.0.1').on('error', () => {}));
    child.send('a connection', (await accepting)[0]);
  }
  for (const client of clients) {
    await peers.answersHttp(child, client);
    client.destroy();
  }
}

async function take(child, type) {
  child.request(type, HANDLES_A_ROUND);
  for (let i = 0; i < HANDLES_A_ROUND; i++) peers.close(await child.take(type, i));
}

/** Its statistics as soon as it has no more descriptors than at the start: the last connections may still be ending. */
async function settled(child, start, rounds) {
  let now;
  await until(
    async () => {
      now = await stats(child);
      return now.descriptors === start.descriptors && now.handles.sent === rounds * HANDLES_A_ROUND;
    },
    () => `the child has ${start.descriptors} descriptors, as at the start: ${JSON.stringify(now)}`,
  );
  return now;
}

async function stats(child) {
  child.send({ crossfork: 'stats' });
  return (await child.receive('its statistics')).message;
}

const describe = ({ descriptors, rss }) => `${descriptors} descriptors and ${(rss / (1 << 20)).toFixed(2)} MB`;
