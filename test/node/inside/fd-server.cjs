'use strict';

const assert = require('node:assert');
const { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { event, until, within } = require('../../interop/kit/wait.cjs');
const { abstractName, crossfork, fillUp, hasPrlimit, limitFds, run, thrown } = require('./kit.cjs');

const { FdSocket, closeFd, connect, createFdServer } = crossfork;

function serve(t, path, options, listener) {
  const server = createFdServer(path, options, listener);
  t.after(() => server.close());
  return server;
}

run({
  'connections by path and by abstract name, with stream and packet sockets': async (t) => {
    for (const type of ['stream', 'seqpacket']) {
      for (const path of [`${t.folder()}/socket`, abstractName()]) {
        const server = serve(t, path, { type });
        assert.deepStrictEqual([server.address(), server.listening], [path, true]);
        const client = connect(path, { type });
        t.after(() => client.destroy());
        const [connection] = await event(server, 'connection');
        t.after(() => connection.destroy());
        assert.ok(connection instanceof FdSocket);
        assert.deepStrictEqual([client.type, connection.type], [type, type]);
        client.send('x', 0);
        const [data, fds] = await event(connection, type === 'stream' ? 'data' : 'message');
        assert.strictEqual(String(data), 'x');
        assert.strictEqual(fds.length, 1);
        const closed = new Promise((resolve) => server.close(resolve));
        await closed;
        assert.deepStrictEqual([server.address(), server.listening, server.fd], [null, false, undefined]);
      }
    }
  },

  'the path is removed when it closes': async (t) => {
    const path = `${t.folder()}/socket`;
    const server = serve(t, path);
    assert.ok(existsSync(path));
    server.close();
    assert.ok(!existsSync(path));
    assert.strictEqual(thrown(() => connect(path)).code, 'ENOENT');
  },

  'the path is kept if another server has taken it': (t) => {
    const path = `${t.folder()}/socket`;
    const first = serve(t, path);
    rmSync(path);
    const second = serve(t, path);
    first.close();
    assert.ok(existsSync(path), 'another server is there');
    connect(path).destroy();
    rmSync(path);
    writeFileSync(path, 'a file');
    second.close();
    assert.strictEqual(readFileSync(path, 'utf8'), 'a file');
  },

  'an error is thrown and contains the path': (t) => {
    const path = `${t.folder()}/socket`;
    serve(t, path);
    const taken = thrown(() => createFdServer(path));
    assert.deepStrictEqual([taken.code, taken.syscall, taken.path], ['EADDRINUSE', 'bind', path]);
    const wrong = thrown(() => connect(path, { type: 'seqpacket' }));
    assert.deepStrictEqual([wrong.code, wrong.syscall, wrong.path], ['EPROTOTYPE', 'connect', path]);
    assert.match(wrong.message, /connect '.*socket'$/);
    assert.strictEqual(thrown(() => createFdServer(`${t.folder()}/no/such/folder`)).code, 'ENOENT');
    assert.strictEqual(thrown(() => createFdServer(path, { type: 'dgram' })).code, 'ERR_INVALID_ARG_VALUE');
  },

  'connections inherit the options of the server': async (t) => {
    const path = abstractName();
    const server = serve(t, path, { highWaterMark: 5 });
    assert.strictEqual(thrown(() => createFdServer(`${path}-2`, { highWaterMark: -5 })).code, 'ERR_OUT_OF_RANGE');
    const client = connect(path);
    t.after(() => client.destroy());
    const [connection] = await event(server, 'connection');
    t.after(() => connection.destroy());
    assert.strictEqual(connection.writableHighWaterMark, 5);
  },

  'many connections': async (t) => {
    const path = abstractName();
    const echoed = [];
    serve(t, path, (connection) => connection.on('data', (data) => connection.send(data)));
    const clients = Array.from({ length: 200 }, (_, i) => {
      const client = connect(path);
      client.on('data', (data) => echoed.push(`${i} ${data}`));
      client.send(`${i}`);
      return client;
    });
    await until(
      () => echoed.length === 200,
      () => `200 echoes, not ${echoed.length}`,
    );
    assert.deepStrictEqual(new Set(echoed), new Set(clients.map((_, i) => `${i} ${i}`)));
    for (const client of clients) client.destroy();
  },

  'without a free descriptor, connections wait until there is one': {
    unless: () => !hasPrlimit() && 'there is no prlimit here',
    run: async (t) => {
      const path = abstractName();
      let connections = 0;
      serve(t, path, (connection) => {
        connections++;
        t.after(() => connection.destroy());
      });
      limitFds(300);
      t.after(() => limitFds(4096));
      const fillers = fillUp();
      closeFd(fillers.pop());
      const client = connect(path);
      t.after(() => client.destroy());
      await new Promise((resolve) => setTimeout(resolve, 50));
      const seen = connections;
      fillers.forEach(closeFd);
      await until(() => connections === 1, 'the connection');
      // Bun frees some of its own meanwhile.
      assert.ok(seen === 0 || process.versions.bun, 'there was none to be had');
    },
  },

  'close: the callback is called even after the close': async (t) => {
    const server = serve(t, abstractName());
    const close = () => new Promise((resolve) => server.close(resolve));
    await within(Promise.all([close(), close()]), 'both callbacks');
    await within(close(), 'one more');
  },

  'the path is removed even if the working directory has changed': (t) => {
    const folder = t.folder();
    const here = process.cwd();
    t.after(() => process.chdir(here));
    process.chdir(folder);
    const server = serve(t, 'socket');
    assert.strictEqual(server.address(), 'socket');
    process.chdir('/');
    server.close();
    assert.deepStrictEqual(readdirSync(folder), []);
  },

  'a backlog above the system limit is reduced to the limit': (t) => {
    for (const backlog of [0, 1, 5000, 2 ** 31 - 1]) {
      const path = `${t.folder()}/socket`;
      const server = serve(t, path, { backlog });
      connect(path).destroy();
      server.close();
    }
  },

  'a server closed in its own listener': async (t) => {
    const path = abstractName();
    const server = serve(t, path);
    const clients = [connect(path), connect(path)];
    t.after(() => clients.map((client) => client.destroy()));
    let connections = 0;
    server.on('connection', (connection) => {
      connections++;
      connection.destroy();
      server.close();
    });
    await event(server, 'close');
    assert.strictEqual(connections, 1);
  },
});
