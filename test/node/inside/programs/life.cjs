'use strict';

// Parts that end in different ways: the first argument says which.

const { existsSync, readdirSync, readFileSync, readlinkSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { isMainThread, parentPort, Worker, workerData } = require('node:worker_threads');
const { until } = require('../../../interop/kit/wait.cjs');
const {
  FdSocket,
  closeFd,
  connect,
  createFdServer,
  dup,
  mapFd,
  memfd,
  recvFds,
  sendFds,
  socketpair,
  unmap,
} = require('../../../../js/index.cjs');
const { abstractName, collect, fillUp, limitFds, thrown } = require('../kit.cjs');

const NOBODY = 65534;

const hasLibuv = !process.versions.bun && !process.versions.deno;

const sockets = (type = 'seqpacket') => socketpair({ type }).map((fd) => new FdSocket(fd));
const openFds = () => readdirSync('/proc/self/fd').filter((fd) => isOurs(fd)).length;

/** Sockets that never block: Deno opens others by itself. */
function isOurs(fd) {
  try {
    const info = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
    return (Number.parseInt(/flags:\s+(\d+)/.exec(info)[1], 8) & 0o4000) !== 0;
  } catch {
    return false;
  }
}

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
  waiting() {
    const [a, b] = sockets();
    b.on('message', (data) => {
      console.log(String(data));
      b.close();
    });
    // Nothing but b keeps it alive.
    setTimeout(() => {
      a.send('later');
      a.close();
    }, 100).unref();
  },

  unread() {
    const [a, b] = sockets();
    a.send('x');
    b.pause();
    console.log('done');
  },

  unref() {
    const [, b] = sockets();
    b.on('message', () => {});
    b.unref();
    console.log('done');
  },

  ref() {
    const [a, b] = sockets();
    b.unref();
    b.on('message', (data) => {
      console.log(String(data));
      b.destroy();
      a.destroy();
    });
    b.ref();
    setTimeout(() => a.send('later'), 50).unref();
  },

  server() {
    const server = createFdServer(abstractName());
    createFdServer(abstractName()).unref();
    setTimeout(() => server.close(() => console.log('closed')), 50).unref();
  },

  flush() {
    const size = 4 * 1024 * 1024;
    const [a, b] = sockets('stream');
    a.send(Buffer.alloc(size));
    a.end();
    let bytes = 0;
    b.unref();
    b.on('data', (data) => {
      bytes += data.length;
    });
    process.on('exit', () => {
      // The last of it may be sent, and b not have heard of it.
      while (bytes < size) {
        const rest = recvFds(b);
        if (!rest || rest.end) break;
        bytes += rest.data.length;
      }
      console.log(bytes === size ? 'all' : `${bytes} bytes`);
    });
  },

  exit() {
    const [a, b] = sockets();
    b.on('message', (data) => {
      console.log(String(data));
      process.exit(7);
    });
    for (let i = 0; i < 10; i++) a.send('a message');
  },

  throw() {
    const [a, b] = sockets();
    b.on('message', () => {
      throw new Error('thrown in a listener');
    });
    setTimeout(() => a.send('x'), 20);
  },

  caught() {
    const [a, b] = sockets();
    const caught = [];
    const seen = [];
    process.on('uncaughtException', (error) => {
      caught.push(error.message);
      if (caught.length < 5) return;
      console.log(`caught ${caught.join(', ')}; seen ${seen.join(', ')}`);
      process.exit(0);
    });
    b.on('message', (data) => {
      const number = String(data);
      seen.push(number);
      if (Number(number) % 2 === 1) throw new Error(number);
    });
    setTimeout(() => {
      for (let i = 0; i < 10; i++) a.send(`${i}`);
    }, 20);
  },

  full() {
    limitFds(100);
    const [a, b] = socketpair();
    const fillers = fillUp();
    const { code } = thrown(() => new FdSocket(a));
    fillers.forEach(closeFd);
    for (const fd of [a, b]) new FdSocket(fd).destroy();
    console.log(`${code}, ok`);
    process.exit(0);
  },

  'full-server'() {
    limitFds(100);
    const fillers = fillUp();
    closeFd(fillers.pop());
    const path = join(tmpdir(), `crossfork-life-${process.pid}`);
    const { code } = thrown(() => createFdServer(path));
    const left = existsSync(path) ? 'the path is left' : 'ok';
    // Its descriptor is free again.
    fillers.push(dup(0));
    fillers.forEach(closeFd);
    console.log(`${code}, ${left}`);
    process.exit(0);
  },

  /** The kernel counts by user, and lets one who is not root have as many on their way as open: a few more. */
  async 'many-on-their-way'() {
    limitFds(200);
    if (process.getuid() === 0) process.setuid(NOBODY);
    // Nobody receives these.
    const [c, d] = socketpair({ type: 'seqpacket' });
    const fifty = new Array(50).fill(0);
    const { code } = thrown(() => {
      while (true) sendFds(c, 'x', fifty);
    });
    const [a, b] = sockets();
    const all = (async () => {
      for (let i = 0; i < 300; i++) {
        if (!a.send(`${i}`, fifty.slice(0, 10))) await new Promise((resolve) => a.once('drain', resolve));
      }
    })();
    await until(() => a.writableLength > 0, 'some wait');
    while (recvFds(d, { maxFds: 0 }) !== null);
    let arrived = 0;
    let next = 0;
    b.on('message', (data, fds) => {
      if (String(data) !== `${next++}`) throw new Error(`${data} came as number ${next}`);
      arrived += fds.length;
    });
    await all;
    await until(
      () => arrived === 3000,
      () => `3000 descriptors, not ${arrived}`,
    );
    console.log(`${code}, all ${arrived} arrived in order`);
    process.exit(0);
  },

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

  /** More than the kernel lets a process have, which ends it. */
  'many-mappings'() {
    const fd = memfd('crossfork-test', Buffer.alloc(4096));
    let i = 0;
    const error = thrown(() => {
      const maps = [];
      while (i++ < 70_000) maps.push(mapFd(fd));
    });
    const early = i > 1000 && i < 60_000 ? 'early' : `after ${i}`;
    console.log(`${error.code} ${early}`);
    process.exit(0);
  },

  unmapped() {
    const fd = memfd('crossfork-test', Buffer.alloc(4096));
    for (let i = 0; i < 70_000; i++) unmap(mapFd(fd));
    console.log('70000');
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

  async 'hundred-thousand'() {
    const [a, b] = sockets();
    const before = openFds();
    let arrived = 0;
    b.on('message', (_, fds) => {
      arrived += fds.length;
      // Every other is taken.
      if (arrived % 200 === 0) fds.takeAll().forEach(closeFd);
    });
    const hundred = new Array(100).fill(0);
    for (let i = 0; i < 1000; i++) {
      if (!a.send('x', hundred)) await new Promise((resolve) => a.once('drain', resolve));
    }
    await until(
      () => arrived === 100_000,
      () => `100,000 descriptors, not ${arrived}`,
    );
    await until(
      () => openFds() <= before,
      () => `${before} are open, not ${openFds()}`,
    );
    console.log('none left');
    process.exit(0);
  },

  async 'ten-thousand'() {
    const round = async () => {
      for (let i = 0; i < 100; i++) {
        const [a, b] = sockets('stream');
        b.on('data', () => {});
        a.send('x', 0);
        await new Promise((resolve) => {
          b.on('close', resolve);
          a.end();
          a.destroy();
        });
      }
    };
    const settled = async () => {
      for (let i = 0; i < 5; i++) {
        collect();
        await new Promise(setImmediate);
      }
      return process.memoryUsage().rss;
    };
    for (let i = 0; i < 20; i++) await round();
    const before = await settled();
    for (let i = 0; i < 30; i++) await round();
    const grown = (await settled()) - before;
    console.log(grown < 24 * 1024 * 1024 ? 'flat' : `grown by ${grown}`);
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
