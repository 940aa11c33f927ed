// Services in Rust, called by a Node parent that has no library of ours: JSON-RPC by hand.
import assert from 'node:assert';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { artifact } from '../artifacts.mjs';
import { EveryNode } from './every-node.mjs';

const worker = artifact('calls-worker');
const script = join(import.meta.dirname, 'calls', 'behaviours.cjs');

const suite = new EveryNode();

for (const driver of ['blocking', 'tokio']) {
  for (const serialization of ['json', 'advanced']) {
    suite.test(`a Node parent calls a service (${driver}, ${serialization})`, {}, async (t, { bin }) => {
      const parent = spawn(bin, [script, worker, driver, serialization], { stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = new Promise((resolve) => parent.on('exit', resolve));
      let count = 0;
      for await (const line of createInterface({ input: parent.stdout })) {
        const { name, detail } = JSON.parse(line);
        count += 1;
        await t.test(name, () => assert.strictEqual(detail, undefined, detail));
      }
      assert.strictEqual(await ended, 0);
      assert.ok(count > 20);
    });
  }
}

suite.register();
