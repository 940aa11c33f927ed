'use strict';

// Programs that end in different ways: the first argument selects one.

const { existsSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { until } = require('../../../interop/kit/wait.cjs');
const {
  FdSocket,
  closeFd,
  createFdServer,
  dup,
  mapFd,
  memfd,
  recvFds,
  sendFds,
  socketpair,
  unmap,
} = require('../../../../js/index.cjs');
const { openFds, sockets } = require('./sockets.cjs');
const { abstractName, collect, fillUp, limitFds, thrown } = require('../kit.cjs');

const NOBODY = 65534;

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

PARTS[process.argv[2]]();
