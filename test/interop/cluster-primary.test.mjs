// {our primary} x {workers that run on Node 18 to 26} x {round robin, shared} x {json, advanced} x {the scenarios}.
import { describe, test } from 'node:test';
import { AT_ONCE, selected } from '../cells.mjs';
import { runtimes } from '../runtimes/index.mjs';
import { clusterPrimary as cells } from './cells.mjs';
import { Primary } from './cluster-primary/primary.mjs';
import * as scenarios from './cluster-primary/scenarios/index.mjs';

const groups = new Map(Object.entries(scenarios));
const DEADLINE = { timeout: 240_000 };

describe('cluster primary', { concurrency: AT_ONCE }, () => {
  for (const { runtime: name, policy: balance, mode: serialization, group } of selected(cells)) {
    const runtime = runtimes.find((one) => one.name === name);
    test(`${name}, ${balance}, ${serialization}: ${group}`, async (t) => {
      for (const [name, scenario] of Object.entries(groups.get(group))) {
        await t.test(name, DEADLINE, (t) => {
          const start = (settings, options) =>
            new Primary(t, runtime, { balance, serialization, ...settings }, options);
          return scenario(t, { start, balance });
        });
      }
    });
  }
});
