'use strict';

// Runs the scenarios of one file inside one runtime, one after the other, and prints a JSON line for each,
//   {"name", "outcome": "passed" | "failed" | "skipped", "detail"?}
// and {"finished": true} behind the last. Each must leave as many descriptors open as it has found.

const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const { randomUUID } = require('node:crypto');
const { closeSync, mkdtempSync, openSync, readdirSync, readlinkSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { inTurn } = require('../../interop/kit/turn.cjs');
const { until, within } = require('../../interop/kit/wait.cjs');

const crossfork = require('../../../js/index.cjs');

const DEADLINE_MS = 240_000;

/** How many there are. */
function openFds() {
  return listFds().length;
}

function listFds() {
  const all = readdirSync('/proc/self/fd').map((fd) => `${fd} ${targetOf(fd)}`);
  return process.versions.deno ? all.filter((one) => !isDenos(one)) : all;
}

/** Its caches, and sockets that it opens by itself, come and go. Ours never block. */
function isDenos(one) {
  return /_cache_v\d/.test(one) || (one.includes('socket:') && isBlocking(Number.parseInt(one, 10)));
}

function isBlocking(fd) {
  try {
    return !crossfork.describeFd(fd).flags.nonblocking;
  } catch {
    return true; // It is gone already.
  }
}

function targetOf(fd) {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return ''; // It was the one that lists the others.
  }
}

/**
 * @param {Record<string, ((t: Scope) => unknown) | { unless: () => string | false, run: (t: Scope) => unknown }>} all
 *   by name; `unless` gives the reason why it cannot be run here
 */
async function run(all) {
  warmUp();
  let failed = false;
  for (const [name, scenario] of inTurn(Object.entries(all))) {
    const result = await one(name, typeof scenario === 'function' ? { run: scenario } : scenario);
    failed ||= result.outcome === 'failed';
    console.log(JSON.stringify(result));
  }
  console.log(JSON.stringify({ finished: true }));
  process.exit(failed ? 1 : 0);
}

/** The first socket opens what waits for all, which stays; runtimes open more for the first child, and for stderr. */
function warmUp() {
  assert.ok(process.stderr);
  spawnSync('true');
  for (const fd of crossfork.socketpair()) new crossfork.FdSocket(fd).destroy();
}

async function one(name, { unless, run }) {
  const reason = unless?.();
  if (reason) return { name, outcome: 'skipped', detail: reason };
  const scope = new Scope();
  const before = openFds();
  try {
    await within(Promise.resolve(run(scope)), 'the end of the scenario', DEADLINE_MS);
    await scope.clean();
    await until(
      () => openFds() <= before,
      () => `as few descriptors are open as before: ${before}, not ${listFds().join(', ')}`,
    );
    return { name, outcome: 'passed' };
  } catch (error) {
    await scope.clean();
    return { name, outcome: 'failed', detail: String(error?.stack ?? error) };
  }
}

/** What a scenario works with, and what is cleaned up behind it. */
class Scope {
  #cleanups = [];

  after(cleanup) {
    this.#cleanups.push(cleanup);
  }

  async clean() {
    for (const cleanup of this.#cleanups.splice(0).reverse()) await cleanup();
  }

  /** A folder that is removed. */
  folder() {
    const folder = mkdtempSync(join(tmpdir(), 'crossfork-'));
    this.after(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  }

  /** Two connected FdSockets, destroyed in the end. */
  sockets(type = 'seqpacket', options = {}) {
    return crossfork.socketpair({ type }).map((fd) => {
      const socket = new crossfork.FdSocket(fd, options);
      this.after(() => socket.destroy());
      return socket;
    });
  }

  /** Two connected descriptors, closed in the end unless somebody has done so. */
  pair(type = 'stream') {
    const fds = crossfork.socketpair({ type });
    for (const fd of fds) this.owns(fd);
    return fds;
  }

  /** An open file. Deno keeps a list of those, so that only it may close them. */
  opens(path, flags = 'r') {
    const fd = openSync(path, flags);
    this.after(() => closeSync(fd));
    return fd;
  }

  owns(fd) {
    this.after(() => {
      try {
        crossfork.closeFd(fd);
      } catch (error) {
        if (error.code !== 'EBADF') throw error;
      }
    });
    return fd;
  }
}

/** Opens as many descriptors as this process may have. */
function fillUp() {
  const fillers = [];
  try {
    while (true) fillers.push(crossfork.dup(0));
  } catch (error) {
    assert.strictEqual(error.code, 'EMFILE');
    return fillers;
  }
}

const prlimit = (args) => spawnSync('prlimit', args, { encoding: 'utf8' });
const hasPrlimit = () => prlimit(['--version']).status === 0;

/** How many descriptors this process may have. */
function limitFds(count) {
  const { status, stderr } = prlimit([`--pid=${process.pid}`, `--nofile=${count}:`]);
  assert.strictEqual(status, 0, stderr);
}

/** A name for an abstract socket that nobody else on this machine has. */
function abstractName() {
  return `\0crossfork-test-${randomUUID()}`;
}

/** Collects what is garbage, where the runtime has a way to be asked. */
function collect() {
  if (process.versions.bun) globalThis.Bun.gc(true);
  else globalThis.gc?.();
}

/** The error that a function throws, or fails with. */
function thrown(act) {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error(`nothing was thrown by ${act}`);
}

module.exports = { abstractName, collect, crossfork, fillUp, hasPrlimit, limitFds, openFds, run, thrown };
