'use strict';

// Worker threads with sockets, that end in different ways: the first argument says which.

const { existsSync, readdirSync, readFileSync, readlinkSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { isMainThread, parentPort, Worker, workerData } = require('node:worker_threads');
const { until } = require('../../../interop/kit/wait.cjs');
const { FdSocket, closeFd, connect, createFdServer, socketpair } = require('../../../../js/index.cjs');
const { openFds, sockets } = require('./sockets.cjs');
const { abstractName, thrown } = require('../kit.cjs');

const hasLibuv = !process.versions.bun && !process.versions.deno;

/** What waits for others in the kernel. */
const waiters = () =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return /eventpoll|eventfd/.test(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false;
    }
  }).length;

const threads = () =>
  readdirSync('/proc/self/task').filter((task) => {
    try {
      return readFileSync(`/proc/self/task/${task}/comm`, 'utf8') === 'crossfork\n';
    } catch {
      return false;
    }
  }).length;

function startWorker(part, data) {
  const worker = new Worker(__filename, { workerData: { part, ...data } });
  const ready = new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  // It may come together with the message.
  const exit = new Promise((resolve) => worker.once('exit', resolve));
  return { worker, ready, exit };
}

const PARTS = {
  async workers() {
    const pairs = Array.from({ length: 4 }, () => socketpair());
    let echoed = 0;
    await Promise.all(
      pairs.map(async ([mine, theirs], i) => {
        const worker = new Worker(__filename, { workerData: { part: 'echo', fd: theirs } });
        const exit = new Promise((resolve) => worker.once('exit', resolve));
        const socket = new FdSocket(mine);
        socket.send(`from ${i}`);
        for await (const { data } of socket) {
          if (String(data) === `from ${i}`) echoed++;
          break;
        }
        await exit;
      }),
    );
    console.log(`echoed ${echoed}`);
  },

  async terminate() {
    await warmUp();
    const before = openFds();
    const { worker, ready } = startWorker('busy');
    await ready;
    if (openFds() < before + 100) throw new Error(`it has few open: ${openFds()}`);
    await worker.terminate();
    await until(
      () => openFds() <= before,
      () => `${before} are open, not ${openFds()}`,
    );
    console.log('nothing is left');
    process.exit(0);
  },

  async 'terminate-server'() {
    const path = join(tmpdir(), `crossfork-life-${process.pid}`);
    const { worker, ready } = startWorker('listen', { path });
    await ready;
    if (!existsSync(path)) throw new Error('it does not listen');
    await worker.terminate();
    await until(() => !existsSync(path), 'the path is gone');
    console.log(thrown(() => connect(path)).code);
    process.exit(0);
  },

  async 'end-worker'() {
    await warmUp();
    const before = openFds();
    const { ready, exit } = startWorker('idle');
    await ready;
    await exit;
    await until(
      () => openFds() <= before,
      () => `${before} are open, not ${openFds()}`,
    );
    console.log('nothing is left');
    process.exit(0);
  },

  /** With nothing else that waits, so that all goes with the worker; as it is told of something all the time. */
  async 'terminate-often'() {
    const round = async () => {
      const { worker, ready } = startWorker('flooded');
      await ready;
      await worker.terminate();
    };
    for (let i = 0; i < 3; i++) await round();
    const before = waiters();
    for (let i = 0; i < 20; i++) await round();
    await until(
      () => waiters() <= before,
      () => `${before} epolls and eventfds are open, not ${waiters()}`,
    );
    console.log('nothing is left');
    process.exit(0);
  },

  async 'same-number'() {
    const [fd, other] = socketpair();
    const socket = new FdSocket(fd);
    const { ready } = startWorker('taking', { fd });
    console.log(await ready);
    socket.destroy();
    closeFd(other);
    process.exit(0);
  },

  async churn() {
    const [a, b] = sockets();
    let arrived = 0;
    b.on('message', () => arrived++);
    for (let i = 0; i < 10; i++) {
      const { worker, ready } = startWorker('busy');
      await ready;
      for (let j = 0; j < 30; j++) a.send('x');
      await worker.terminate();
    }
    await until(
      () => arrived === 300,
      () => `300 messages, not ${arrived}`,
    );
    console.log('all 300 arrived');
    process.exit(0);
  },

  async thread() {
    const counts = [threads()];
    const { worker, ready } = startWorker('busy');
    await ready;
    // It gives itself its name.
    if (!hasLibuv) await until(() => threads() > 0, 'the thread has begun');
    counts.push(threads());
    await worker.terminate();
    await until(() => threads() === 0, 'the thread has ended');
    counts.push(threads());
    console.log(`before ${counts[0]}, during ${counts[1]}, after ${counts[2]}`);
    process.exit(0);
  },
};

/** The first worker opens what stays in some runtimes. */
async function warmUp() {
  for (const socket of sockets()) socket.destroy();
  const { ready, exit } = startWorker('idle');
  await ready;
  await exit;
}

const WORKERS = {
  echo({ fd }) {
    const socket = new FdSocket(fd);
    socket.on('data', (data) => socket.send(data));
  },

  /** Sockets in all states: idle, waiting, with messages that nobody has read or sent, with descriptors held. */
  busy() {
    const all = Array.from({ length: 60 }, () => sockets());
    const [first, second, third] = all;
    first[1].on('message', () => {});
    while (second[0].send(Buffer.alloc(3000), [0]));
    third[0].send('x', [0, 0, 0]);
    const held = third[1][Symbol.asyncIterator]();
    createFdServer(abstractName());
    setInterval(() => first[0].send('tick'), 1);
    held.next().then(() => parentPort.postMessage('ready'));
  },

  listen({ path }) {
    createFdServer(path);
    parentPort.postMessage('ready');
  },

  /** Both always have something to read. */
  flooded() {
    const [a, b] = sockets('stream');
    for (const [one, other] of [
      [a, b],
      [b, a],
    ]) {
      one.on('data', (data) => other.send(data));
      one.send(Buffer.alloc(60_000));
    }
    setTimeout(() => parentPort.postMessage('ready'), 5);
  },

  taking({ fd }) {
    parentPort.postMessage(thrown(() => new FdSocket(fd)).code);
  },

  idle() {
    const [a, b] = sockets();
    a.send('x', 0);
    b.pause();
    parentPort.postMessage('ready');
  },
};

if (isMainThread) PARTS[process.argv[2]]();
else WORKERS[workerData.part](workerData);
