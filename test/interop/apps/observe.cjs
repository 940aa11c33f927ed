// What a program can observe of what was loaded before it: in itself, in its threads, and in processes that it starts.
const builtin = [...process.moduleLoadList].sort();
const { exec, fork, spawn } = require('node:child_process');
const cluster = require('node:cluster');
const { once } = require('node:events');
const { promisify } = require('node:util');
const { isMainThread, parentPort, Worker } = require('node:worker_threads');

/** Everything at the start of a program, by name. Run before the program has done anything. */
function observe() {
  const seen = {
    execArgv: process.execArgv,
    argv: process.argv.slice(2),
    variables: Object.keys(process.env).sort(),
    NODE_OPTIONS: process.env.NODE_OPTIONS,
    'keys of process': Object.getOwnPropertyNames(process).sort(),
    globals: Object.getOwnPropertyNames(globalThis).sort(),
    'loaded files': Object.keys(require.cache),
    'loaded modules of Node': builtin,
    'children of the module': module.children.map(({ id }) => id),
    'keys of extensions': Object.keys(require.extensions),
    handles: process._getActiveHandles?.().map((handle) => handle.constructor.name),
    resources: process.getActiveResourcesInfo?.(),
    'is connected': process.connected,
    'is a worker': cluster.isWorker,
    'stack of an error': new Error().stack.replaceAll(/:\d+:\d+/g, ''),
  };
  for (const event of process.eventNames())
    seen[`listeners of process: ${String(event)}`] = process.listenerCount(event);
  for (const event of cluster.eventNames())
    seen[`listeners of cluster: ${String(event)}`] = cluster.listenerCount(event);
  for (const name of ['net', 'http', 'https', 'http2', 'tls', 'cluster', 'child_process', 'events', 'worker_threads']) {
    const part = require(`node:${name}`);
    describe(seen, name, part);
    for (const [key, value] of Object.entries(part)) {
      if (typeof value === 'function' && value.prototype) describe(seen, `${name}.${key}.prototype`, value.prototype);
    }
  }
  return seen;
}

/** The properties of an object, with all that can be seen of functions. */
function describe(seen, name, object) {
  for (const key of Reflect.ownKeys(object)) {
    const { value, get, set, ...flags } = Object.getOwnPropertyDescriptor(object, key);
    const at = `${name}.${String(key)}`;
    seen[at] = { ...flags, type: typeof value, get: String(get), set: String(set) };
    if (typeof value !== 'function') continue;
    Object.assign(seen[at], { name: value.name, length: value.length, keys: Reflect.ownKeys(value).map(String) });
    seen[`${at}.toString()`] = Function.prototype.toString.call(value);
  }
}

/** What the program's own servers look like. */
function observeServers() {
  const seen = {};
  for (const [name, server] of [
    ['net', require('node:net').createServer()],
    ['http', require('node:http').createServer()],
    ['http2', require('node:http2').createServer()],
    ['https', require('node:https').createServer()],
  ]) {
    server.listen(0, '127.0.0.1');
    for (const event of server.eventNames()) {
      seen[`listeners of a server: ${name}, ${String(event)}`] = server.listenerCount(event);
    }
    seen[`keys of a server: ${name}`] = Reflect.ownKeys(server).map(String).sort();
    server.close();
  }
  return seen;
}

async function observeOthers() {
  const answer = async (other) => (await once(other, 'message'))[0];
  const text = async ({ stdout }) => JSON.parse((await stdout.setEncoding('utf8').toArray()).join(''));
  const spawned = spawn(process.execPath, [__filename, 'print'], { stdio: ['ignore', 'pipe', 'inherit'] });
  return {
    thread: await answer(new Worker(__filename)),
    fork: await answer(fork(__filename, ['send'])),
    spawn: await text(spawned),
    exec: JSON.parse(
      (await promisify(exec)(`"${process.execPath}" "${__filename}" print`, { maxBuffer: 1 << 26 })).stdout,
    ),
  };
}

module.exports = { observe, observeServers, observeOthers };
if (!isMainThread) parentPort.postMessage(observe());
else if (process.argv[2] === 'send') process.send(observe(), () => process.disconnect());
else if (process.argv[2] === 'print') process.stdout.write(JSON.stringify(observe()));
