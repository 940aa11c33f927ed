// Reload and stop, each under load: which requests are lost?
import { setTimeout as sleep } from 'node:timers/promises';
import { LOADS, Load, WITH_HANDLER } from '../loads.mjs';
import { Runner } from '../runner.mjs';

const WARM_MS = 1000;
const AFTERWARDS_MS = 500;
/** Longer than any request that was in flight. */
const SETTLE_MS = 15_000;
const HANDLERS_MS = [0, 100];

const HTTP = Object.keys(LOADS).filter((kind) => kind !== 'WebSockets');
const all = HTTP.flatMap((kind) => (WITH_HANDLER.includes(kind) ? HANDLERS_MS : [0]).map((ms) => ({ kind, ms })));
/** Only a program with handlers for signals can say goodbye to its WebSockets. The other one is unmodified. */
const webSockets = { loads: [{ kind: 'WebSockets', ms: 0 }], handlers: true };

/** What one runner gets at a time. */
const ALONE = [...all.map((one) => ({ loads: [one] })), webSockets];
const TOGETHER = [{ loads: all }, webSockets];

export async function handover(name, { size, ...setup }) {
  if (size === 'quick') return (await Promise.all(TOGETHER.map((part) => underLoad(name, setup, part)))).flat();
  const results = [];
  for (const part of ALONE) results.push(...(await underLoad(name, setup, part)));
  return results;
}

async function underLoad(name, setup, { loads, handlers }) {
  const runner = await Runner.start(name, { ...setup, env: handlers && { HANDLERS: '1' } });
  const clients = loads.map((one) => ({ ...one, load: new Load({ port: runner.port, ...one }) }));
  try {
    await sleep(WARM_MS);
    for (const { load } of clients) load.take();
    const begin = performance.now();
    const reload = await outcome(runner.replaced());
    const settled = Promise.all(clients.map(({ load }) => load.settled(begin)));
    await Promise.race([settled, sleep(SETTLE_MS)]);
    await sleep(AFTERWARDS_MS);
    const reloaded = clients.map(({ load, ...one }) => result('reload', one, load.take(), reload));
    const stop = await outcome(runner.stop());
    await Promise.all(clients.map(({ load }) => load.stop()));
    return [...reloaded, ...clients.map(({ load, ...one }) => result('stop', one, load.tally, stop))];
  } finally {
    await Promise.all(clients.map(({ load }) => load.stop()));
    await runner.close();
  }
}

/** 1, if it has not come to its end. */
async function outcome(doing) {
  try {
    await doing;
    return 0;
  } catch (error) {
    console.error(`  ${error.message}`);
    return 1;
  }
}

function result(what, { kind, ms }, tally, unfinished) {
  const title = WITH_HANDLER.includes(kind) ? `${what}: ${kind}, ${ms} ms` : `${what}: ${kind}`;
  return { title, figures: { ...tally.figures, unfinished } };
}
