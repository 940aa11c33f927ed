'use strict';

// What Bun and Deno call `advanced` is not Node's. The child says so, and what to do.

const assert = require('node:assert');
const { run } = require('../kit/runner.cjs');
const { until, within } = require('../kit/wait.cjs');

const scenarios = {};

scenarios['CH-6: the advanced mode of Bun is refused, in favour of json'] = {
  unless: () => !process.versions.bun && 'this is not Bun',
  run: async (t) => {
    const child = t.child();
    child.send('in another format');
    const { code } = await within(child.exited, 'the exit');
    assert.ok(code > 0, `it ended with ${code}`);
    await until(() => child.stderr.endsWith('\n'), 'it has said why');
    assert.match(child.stderr, /^[^\n]*\bBun\b[^\n]*\bserialization: 'json'[^\n]*\n$/);
  },
};

scenarios['CH-6: the advanced mode of Deno is refused, in favour of json'] = {
  unless: () => !process.versions.deno && 'this is not Deno',
  run: async (t) => {
    const child = t.child();
    child.send('in another format');
    if (child.kind === 'worker') {
      await until(() => child.stderr.endsWith('\n'), 'it has said why');
      assert.match(child.stderr, /^[^\n]*\bserialization: 'json'[^\n]*\n$/);
    } else {
      const { code, text } = (await child.receive('its report')).message;
      assert.strictEqual(code, 'ERR_IPC_DECODE');
      assert.match(text, /\bserialization: 'json'/);
    }
  },
};

run(scenarios);
