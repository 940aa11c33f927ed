// {our primary} x {workers that run on Node 18 to 26} x {round robin, shared} x {json, advanced} x {the scenarios}.
import { describe, test } from 'node:test';
import { runtimes } from '../runtimes/index.mjs';
import { Primary } from './cluster-primary/primary.mjs';
import * as groups from './cluster-primary/scenarios.mjs';

const DEADLINE = { timeout: 60_000 };

/** What is different where messages are written in another way. */
const ADVANCED = ['events', 'connections'];

describe('cluster primary', { concurrency: 2 }, () => {
  for (const runtime of runtimes.filter(({ kind }) => kind === 'node')) {
    for (const balance of ['rr', 'shared']) {
      for (const serialization of ['json', 'advanced']) {
        for (const [group, scenarios] of Object.entries(groups)) {
          if (serialization === 'advanced' && !ADVANCED.includes(group)) continue;
          test(`${runtime.name}, ${balance}, ${serialization}: ${group}`, async (t) => {
            for (const [name, scenario] of Object.entries(scenarios)) {
              await t.test(name, DEADLINE, (t) => {
                const start = (settings, options) =>
                  new Primary(t, runtime, { balance, serialization, ...settings }, options);
                return scenario(t, { start, balance });
              });
            }
          });
        }
      }
    }
  }
});
