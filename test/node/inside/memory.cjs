'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const { until } = require('../../interop/kit/wait.cjs');
const { collect, crossfork, run, thrown } = require('./kit.cjs');

const { closeFd, mapFd, memfd, unmap } = crossfork;
/** How often a memory file of this name is mapped: others are unmapped whenever garbage is collected. */
const mappings = (name) => fs.readFileSync('/proc/self/maps', 'utf8').split(`/memfd:${name} `).length - 1;

run({
  'memfd: a file with contents': (t) => {
    const fd = t.owns(memfd('crossfork-test', 'contents'));
    assert.match(fs.readlinkSync(`/proc/self/fd/${fd}`), /memfd:crossfork-test/);
    assert.strictEqual(String(fs.readFileSync(`/proc/self/fd/${fd}`)), 'contents');
  },

  'memfd: an invalid name': () => {
    closeFd(memfd('x'.repeat(249)));
    for (const name of ['x'.repeat(250), 'ä'.repeat(125)]) {
      const { code, message } = thrown(() => memfd(name));
      assert.deepStrictEqual([code, /<= 249 bytes. Received 250/.test(message)], ['ERR_OUT_OF_RANGE', true]);
    }
    assert.strictEqual(thrown(() => memfd('a\0b')).code, 'ERR_INVALID_ARG_VALUE');
  },

  'memfd: seals prevent changes': (t) => {
    const fd = t.owns(memfd('crossfork-test', 'contents', { seals: ['shrink', 'grow', 'write', 'seal'] }));
    const path = `/proc/self/fd/${fd}`;
    for (const change of [
      () => fs.writeFileSync(path, 'other'),
      () => fs.truncateSync(path, 1),
      () => fs.appendFileSync(path, 'more'),
    ]) {
      assert.match(thrown(change).message, /EPERM|not permitted/);
    }
    assert.strictEqual(thrown(() => memfd('x', '', { seals: ['shrunk'] })).code, 'ERR_INVALID_ARG_VALUE');
  },

  'mapFd: mappings of one file share memory, even after the descriptor is closed': () => {
    const fd = memfd('crossfork-test', Buffer.alloc(4096));
    const [one, two] = [mapFd(fd), mapFd(fd)];
    closeFd(fd);
    assert.ok(Buffer.isBuffer(one));
    one.write('written to one');
    assert.strictEqual(two.toString('utf8', 0, 14), 'written to one');
  },

  'mapFd: a mapped file cannot shrink': (t) => {
    const fd = t.owns(memfd('crossfork-test', 'contents'));
    const map = mapFd(fd);
    assert.match(thrown(() => fs.truncateSync(`/proc/self/fd/${fd}`, 1)).message, /EPERM|not permitted/);
    assert.strictEqual(String(map), 'contents');
  },

  'mapFd: writes to a write-sealed file stay private': (t) => {
    const fd = t.owns(memfd('crossfork-test', 'contents', { seals: ['write'] }));
    const map = mapFd(fd);
    map.write('CONT');
    assert.strictEqual(String(map), 'CONTents');
    assert.strictEqual(String(mapFd(fd)), 'contents');
  },

  'mapFd: an empty file gives an empty Buffer': (t) => {
    assert.strictEqual(mapFd(t.owns(memfd('crossfork-test'))).length, 0);
  },

  'mapFd: other descriptors cannot be mapped, and the error says what they are and why': (t) => {
    for (const [path, kind] of [
      [__filename, 'file'],
      ['/dev/shm', 'directory'],
      ['/dev/zero', 'device'],
    ]) {
      const fd = t.opens(path);
      const error = thrown(() => mapFd(fd));
      assert.deepStrictEqual([error.name, error.code], ['TypeError', 'ERR_INVALID_FD_TYPE']);
      assert.ok(error.message.startsWith(`mapFd needs a memfd, but ${fd} is a ${kind}. `), error.message);
    }
    assert.match(thrown(() => mapFd(t.opens(__filename))).message, /Read the file with fs, or copy it into a memfd\.$/);
    const sealed = thrown(() => mapFd(t.owns(memfd('crossfork-test', 'x', { seals: ['seal'] }))));
    assert.deepStrictEqual([sealed.code, sealed.syscall], ['EPERM', 'mmap']);
    assert.match(sealed.message, /can shrink.*"shrink"$/);
  },

  'unmap: unmaps at once, and views of the memory become empty': () => {
    const fd = memfd('crossfork-unmapped', 'contents');
    const map = mapFd(fd);
    const other = mapFd(fd);
    closeFd(fd);
    const views = [map, map.subarray(2), new DataView(map.buffer)];
    unmap(map);
    assert.strictEqual(mappings('crossfork-unmapped'), 1);
    assert.deepStrictEqual([map.length, views[1].length, map.buffer.byteLength, map[0]], [0, 0, 0, undefined]);
    assert.throws(() => views[2].getUint8(0), TypeError);
    map[0] = 1;
    unmap(map);
    assert.strictEqual(String(other), 'contents', 'it is mapped on its own');
    unmap(other);
  },

  'unmap: a later mapping at the same address stays mapped when the first is collected': async (t) => {
    const fd = t.owns(memfd('crossfork-test', 'contents'));
    (() => unmap(mapFd(fd)))();
    const later = mapFd(fd);
    for (let i = 0; i < 5; i++) {
      collect();
      await new Promise(setImmediate);
    }
    assert.strictEqual(String(later), 'contents');
    unmap(later);
  },

  'unmap: accepts any view of the memory and nothing else': (t) => {
    const fd = t.owns(memfd('crossfork-test', 'contents'));
    const map = mapFd(fd);
    unmap(map.subarray(3));
    assert.strictEqual(map.length, 0);
    for (const value of [Buffer.alloc(5), map.buffer, 5, null, undefined, {}]) {
      assert.strictEqual(thrown(() => unmap(value)).code, 'ERR_INVALID_ARG_VALUE');
    }
  },

  'unmap: transferred memory is left to its new owner': {
    unless: () => !ArrayBuffer.prototype.transfer && 'memory cannot be transferred here',
    run: (t) => {
      const map = mapFd(t.owns(memfd('crossfork-test', 'contents')));
      const moved = Buffer.from(map.buffer.transfer());
      assert.strictEqual(thrown(() => unmap(map)).code, 'ERR_INVALID_STATE');
      assert.strictEqual(String(moved), 'contents');
    },
  },

  'unmap: memory in use is an error, and can be unmapped later': {
    unless: () => !process.versions.bun && 'memory that is in use is not known here',
    run: async (t) => {
      const map = mapFd(t.owns(memfd('crossfork-test', Buffer.alloc(1 << 20))));
      const written = fs.promises.writeFile('/dev/null', map);
      const error = thrown(() => unmap(map));
      assert.strictEqual(error.code, 'ERR_INVALID_STATE');
      assert.match(error.message, /^Cannot unmap this memory now: /);
      await written;
      unmap(map);
      assert.strictEqual(map.length, 0);
    },
  },

  'mapFd: more than the maximum Buffer size is an error': (t) => {
    const fd = t.owns(memfd('crossfork-test', 'x'));
    fs.truncateSync(`/proc/self/fd/${fd}`, 2 ** 50);
    assert.ok(['EFBIG', 'ENOMEM'].includes(thrown(() => mapFd(fd)).code));
  },

  'mapFd: unmapped when the Buffer is collected': {
    unless: () => !process.versions.bun && !globalThis.gc && 'nobody can ask for a collection here',
    run: async () => {
      const map = () => {
        const fd = memfd('crossfork-collected', Buffer.alloc(65536));
        mapFd(fd)[0] = 1;
        closeFd(fd);
      };
      for (let i = 0; i < 50; i++) map();
      await until(() => {
        collect();
        return mappings('crossfork-collected') < 25;
      }, 'most of 50 mappings are gone');
    },
  },
});
