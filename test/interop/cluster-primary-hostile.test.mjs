// Misbehaving workers cannot harm their primary or other workers.
import assert from 'node:assert';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { someNode, withoutNode } from '../runtimes/index.mjs';
import { request } from './cluster-primary/client.mjs';
import { Primary } from './cluster-primary/primary.mjs';

const { residentMemory } = createRequire(import.meta.url)('./kit/proc.cjs');

const here = import.meta.dirname;

/** Starts a primary with one worker that serves, and one that misbehaves in this way. */
async function withHostile(t, deed) {
  // A variable selects the module, because both workers are in one cluster.
  const primary = new Primary(t, someNode, { module: join(here, 'cluster-primary/either.cjs') });
  const good = await primary.fork({ HOSTILE: '' });
  const { address } = await good.does('listen', { listen: [{ port: 0, host: '127.0.0.1' }] });
  const bad = await primary.fork({ HOSTILE: '1' });
  const from = primary.events.length;
  await primary.does('send', { worker: bad.id, message: { port: address.port, ...deed } });
  const done = (part = { event: 'message', message: 'done' }) => primary.event({ worker: bad.id, ...part }, from);
  const serves = async () => assert.strictEqual(await request(address.port), good.pid);
  return { primary, good, bad, port: address.port, done, serves };
}

// These use the processors more than others.
describe('hostile workers', { concurrency: 2, skip: withoutNode }, () => {
  test('SER-6 HND-12: invalid messages are reported, and the worker continues', async (t) => {
    const { primary, bad, done, serves } = await withHostile(t, { do: 'garbage' });
    await done();
    const errors = primary.events.filter(({ event, worker }) => event === 'error' && worker === bad.id);
    assert.ok(errors.length >= 6, JSON.stringify(errors));
    assert.ok(
      errors.every(({ code }) => /^ERR_IPC_/.test(code)),
      JSON.stringify(errors),
    );
    await serves();
    await primary.does('disconnect');
    await primary.event({ finished: true });
  });

  test('LIFE-9: a flood of messages that are not received is not read, uses no memory, and blocks no other worker', async (t) => {
    const { primary, done, serves } = await withHostile(t, { do: 'echo' });
    const before = memory(primary.pid);
    await primary.does('deaf', { deaf: true });
    await primary.does('send', { worker: 2, message: { do: 'flood', megabytes: 100 } });
    for (let i = 0; i < 50; i++) await serves();
    assert.ok(memory(primary.pid) < before + 20_000, `${before} kB, and now ${memory(primary.pid)} kB`);
    await primary.does('deaf', { deaf: false });
    await done();
    assert.ok(memory(primary.pid) < before + 20_000, `${before} kB, and at last ${memory(primary.pid)} kB`);
    const got = primary.events.filter(({ event, message }) => event === 'message' && message?.length === 60_000);
    assert.ok(got.length * 60_003 >= 100e6, `${got.length} messages were received`);
  });

  test('LIFE-9: long invalid lines, whose errors are not received, use no memory', async (t) => {
    const { primary, done, serves } = await withHostile(t, { do: 'echo' });
    const before = memory(primary.pid);
    await primary.does('deaf', { deaf: true });
    await primary.does('send', { worker: 2, message: { do: 'noise', megabytes: 150 } });
    const now = await settled(primary.pid);
    assert.ok(now < before + 20_000, `${before} kB, and now ${now} kB`);
    await serves();
    await primary.does('deaf', { deaf: false });
    await done();
    await serves();
  });

  test('SOCK-3 SOCK-4: queries of any length use no memory if their answers are not read', async (t) => {
    const { primary, done, serves } = await withHostile(t, { do: 'echo' });
    const before = memory(primary.pid);
    await primary.does('send', { worker: 2, message: { do: 'questions', count: 200 } });
    await done();
    assert.ok(memory(primary.pid) < before + 20_000, `${before} kB, and now ${memory(primary.pid)} kB`);
    await serves();
  });

  test('CLU-2: unsolicited replies have no effect', async (t) => {
    const { done, serves } = await withHostile(t, { do: 'replies' });
    const answers = Array.from({ length: 20 }, serves);
    await done();
    await Promise.all(answers);
    await serves();
  });

  for (const addressType of [4, 'udp4']) {
    test(`CLU-6: a worker that requests too many servers is refused, and others are not: ${addressType}`, async (t) => {
      const { primary, good, done, serves } = await withHostile(t, { do: 'queries', count: 10_000, addressType });
      const { message } = await done({ event: 'message' });
      assert.deepStrictEqual(message, { errors: [0, -24], ports: 256 });
      await serves();
      const another = await good.does('listen', { name: 'b', listen: [{ port: 0, host: '127.0.0.1' }] });
      assert.strictEqual(await request(another.address.port), good.pid);
      await primary.does('kill', { worker: 2, signal: 'SIGKILL' });
      await primary.event({ event: 'exit', worker: 2 });
      const { descriptors } = await primary.does('look');
      assert.ok(descriptors < 40, `${descriptors} descriptors are left`);
    });
  }

  test('CLU-6: a server request with too much data is rejected', async (t) => {
    const { primary, done, serves } = await withHostile(t, { do: 'data' });
    await done();
    await primary.event({ event: 'error', worker: 2, code: 'ERR_IPC_MESSAGE_TOO_LONG' });
    await serves();
  });

  test('HND-8: a worker that never acknowledges gets no more handles, and the others serve', async (t) => {
    const { primary, done, serves, port, good } = await withHostile(t, { do: 'greedy' });
    await done();
    // One of two connections goes to it. Its client gets no answer, because the worker claims to have accepted it.
    const answers = Array.from({ length: 6 }, () => request(port).catch(() => undefined));
    for (let i = 0; i < 5; i++) await serves();
    await primary.does('kill', { worker: 2, signal: 'SIGKILL' });
    await primary.event({ event: 'exit', worker: 2 });
    const pids = await Promise.all(answers);
    assert.ok(pids.filter((pid) => pid === good.pid).length >= 5, JSON.stringify(pids));
  });
});

/** Waits until a process's memory stops changing, and returns it in kilobytes. */
async function settled(pid) {
  let [last, same] = [0, 0];
  while (same < 5) {
    await sleep(100);
    const now = memory(pid);
    same = now === last ? same + 1 : 0;
    last = now;
  }
  return last;
}

/** Returns a process's memory in kilobytes. */
function memory(pid) {
  return residentMemory(pid) / 1024;
}
