// What `crossfork run` promises for every program: a reload and a stop lose no request, and its handlers run.
import assert from 'node:assert';
import { Load } from './load.mjs';

/**
 * Reloads and stops a program that serves on `port`, under load.
 * @param {object} about
 * @param {{ secure?: boolean, path?: string }} [about.requests]
 * @param {string[]} [about.kinds] kinds of clients
 * @param {RegExp[]} [about.hooks] what the program prints when it is told to exit
 * @param {RegExp} [about.ends] how its processes end
 */
export async function survives(t, run, port, about = {}) {
  const { requests, kinds = ['keep-alive', 'keep-alive with pauses'], hooks = [], ends = /exit code 0/ } = about;
  const loads = kinds.map((kind) => new Load(kind, port, requests));
  t.after(() => Promise.all(loads.map((load) => load.stop())));
  for (const load of loads) await load.answered(50);
  run.kill('SIGHUP');
  await run.said(/^\[crossfork\] reloaded$/);
  await run.said(new RegExp(`has ended: ${ends.source}$`), 2);
  for (const load of loads) await load.answered(50);
  for (const load of loads) assert.strictEqual(load.refused, 0, `${load}`);
  assert.strictEqual(await run.stop(), 0, run.text);
  const failures = await Promise.all(loads.map((load) => load.ended()));
  assert.deepStrictEqual(failures.flat(), [], run.text);
  await run.said(new RegExp(`has ended: ${ends.source}$`), 4);
  for (const hook of hooks) await run.said(hook, 4);
}
