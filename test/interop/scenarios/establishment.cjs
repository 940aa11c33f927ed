'use strict';

// How the channel comes to be.

const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const cluster = require('node:cluster');
const { closeOnExec } = require('../kit/proc.cjs');
const { run } = require('../kit/runner.cjs');
const { event, within } = require('../kit/wait.cjs');

const TEST_CHILDREN = ['blocking', 'tokio'];
const scenarios = {};

const LAYOUTS = {
  0: ['ipc', 'pipe', 'pipe'],
  1: ['ignore', 'ipc', 'pipe'],
  2: ['ignore', 'pipe', 'ipc'],
  3: ['ignore', 'pipe', 'pipe', 'ipc'],
  5: ['ignore', 'pipe', 'pipe', 'ignore', 'pipe', 'ipc'],
  7: ['ignore', 'pipe', 'pipe', null, null, null, null, 'ipc'],
};
for (const [index, stdio] of Object.entries(LAYOUTS)) {
  scenarios[`CH-3: the channel may be descriptor ${index}`] = async (t) => {
    const child = t.child({ stdio });
    await child.echo();
    child.process.disconnect();
    await child.endsCleanly();
  };
}

scenarios['CH-4: the channel is close-on-exec in the child'] = async (t) => {
  const child = t.child({ stdio: LAYOUTS[5] });
  await child.echo();
  assert.strictEqual(closeOnExec(child.pid).get(5), true);
};

for (const index of [3, 5]) {
  scenarios[`CH-7: a grandchild sees neither the variables nor descriptor ${index}`] = {
    kinds: TEST_CHILDREN,
    run: async (t) => {
      const child = t.child({ stdio: LAYOUTS[index] });
      child.send({ op: 'spawn-env' });
      const { message } = await child.receive('what the grandchild sees');
      assert.deepStrictEqual(
        message.names.filter((name) => name.startsWith('NODE_CHANNEL_')),
        [],
      );
      // What a child of the same layout without a channel would have, wherever these tests are run.
      const ls = spawnSync('ls', ['/proc/self/fd'], { stdio: LAYOUTS[index].slice(0, index), encoding: 'utf8' });
      assert.deepStrictEqual(numbers(message.fds), numbers(ls.stdout.trim().split('\n')));
    },
  };
}

const numbers = (list) => list.map(Number).sort((a, b) => a - b);

scenarios['CH-7: a wrapper script may start the child'] = async (t) => {
  const child = t.child({ wrapper: ['sh', '-c', 'exec "$0" "$@"'] });
  await child.echo();
};

scenarios['CH-6: without the mode variable the mode is json'] = async (t) => {
  const child = t.child({ wrapper: ['env', '-u', 'NODE_CHANNEL_SERIALIZATION_MODE'] });
  await child.echo({ mode: 'json' });
};

const REFUSED = {
  'an unknown mode': 'NODE_CHANNEL_SERIALIZATION_MODE=bogus',
  'a channel that is no number': 'NODE_CHANNEL_FD=three',
  'a negative channel': 'NODE_CHANNEL_FD=-3',
  'a channel that is not open': 'NODE_CHANNEL_FD=99',
};
for (const [what, variable] of Object.entries(REFUSED)) {
  scenarios[`CH-6: ${what} is refused in one line`] = async (t) => {
    const child = t.child({ wrapper: ['env', variable] });
    await failsInOneLine(child);
  };
}

for (const [what, wrapper] of [
  ['without the variable', ['env', '-u', 'NODE_CHANNEL_FD']],
  ['with an empty variable', ['env', 'NODE_CHANNEL_FD=']],
]) {
  scenarios[`CH-6: ${what} there is no channel, and the command says how it is started`] = {
    kinds: ['worker'],
    run: async (t) => {
      const child = t.child({ wrapper });
      const { code } = await failsInOneLine(child);
      assert.strictEqual(code, 2);
      assert.match(child.stderr, /fork/);
    },
  };
}

async function failsInOneLine(child) {
  const end = await within(child.exited, 'the exit');
  if (!child.events.includes('close')) await event(child.process, 'close', 'the end of its stderr');
  assert.ok(end.code > 0, `it ended with ${JSON.stringify(end)}`);
  assert.match(child.stderr, /^[^\n]+\n$/);
  assert.doesNotMatch(child.stderr, /panicked/);
  return end;
}

scenarios['CH-9: fork() passes execArgv, the module and the arguments unchanged'] = {
  kinds: TEST_CHILDREN,
  run: async (t) => {
    const args = ['a', 'b c', '', '--flag', 'ü'];
    const child = t.child({ args });
    child.send({ op: 'argv' });
    const { message } = await child.receive('its arguments');
    assert.deepStrictEqual(message.argv, [t.binary, t.kind, ...args]);
    assert.deepStrictEqual(
      message.env.filter((name) => name.startsWith('NODE_CHANNEL_')),
      [],
    );
  },
};

scenarios['CH-11: cluster.fork() starts the child if process.execPath names it'] = {
  kinds: TEST_CHILDREN,
  run: async (t) => {
    const { execPath } = process;
    cluster.setupPrimary({ exec: t.kind, args: ['clustered'], execArgv: [], silent: true });
    process.execPath = t.binary;
    const worker = cluster.fork();
    process.execPath = execPath;
    t.after(() => worker.process.kill('SIGKILL'));
    worker.send({ op: 'argv' });
    const [message] = await event(worker, 'message');
    assert.deepStrictEqual(message.argv, [t.binary, t.kind, 'clustered']);
  },
};

run(scenarios);
