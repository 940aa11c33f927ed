// Two machines that do anything, over a network that delivers in any portions and is cut at any byte. What must hold at
// each step is in `conversation.mjs`.
import assert from 'node:assert';
import { test } from 'node:test';
import { talk } from './calls/conversation.mjs';
import { random } from './calls/sinks.mjs';

/** The first of the seeds, to see again what has failed. */
const FIRST = Number(process.env.CROSSFORK_SEED ?? 1);
const ROUNDS = process.env.CROSSFORK_TIER === 'full' ? 5000 : 400;

function eachSeed(check) {
  for (let seed = FIRST; seed < FIRST + ROUNDS; seed++) {
    try {
      check(random(seed));
    } catch (error) {
      error.message = `seed ${seed}: ${error.message}`;
      throw error;
    }
  }
}

test('machines: over a network that is whole, every call has one outcome and every notification arrives', () => {
  const outcomes = {};
  eachSeed((chance) => {
    const ends = talk(chance, { cuts: false });
    for (const [i, end] of ends.entries()) {
      for (const { outcome } of end.calls) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      const answers = end.calls.filter(({ outcome }) => outcome !== 'withdrawn');
      assert.strictEqual(ends[1 - i].incoming.length, answers.length, 'each call that was sent was run once');
    }
  });
  assert.deepStrictEqual(Object.keys(outcomes).sort(), ['answered', 'failed', 'withdrawn'], 'all of it has been seen');
});

test('machines: over a network that is cut at any byte, no call is left pending, answered twice or run twice', () => {
  let lost = 0;
  eachSeed((chance) => {
    const ends = talk(chance, { cuts: true });
    for (const [i, end] of ends.entries()) {
      for (const { outcome } of end.calls) {
        assert.notStrictEqual(outcome, undefined);
        if (outcome === 'lost') lost += 1;
      }
      const numbers = ends[1 - i].incoming.map(({ params }) => params.number);
      assert.strictEqual(new Set(numbers).size, numbers.length);
      assert.strictEqual(end.machine.inFlight, 0);
    }
  });
  assert.ok(lost > 0);
});
