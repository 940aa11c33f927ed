'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const { until } = require('../../interop/kit/wait.cjs');
const { collect, crossfork, run, thrown } = require('./kit.cjs');

const { closeFd, mapFd, memfd } = crossfork;
const mappings = () => fs.readFileSync('/proc/self/maps', 'utf8').split('/memfd:crossfork-test').length - 1;

run({
  'memfd: a file with contents': (t) => {
    const fd = t.owns(memfd('crossfork-test', 'contents'));
    assert.match(fs.readlinkSync(`/proc/self/fd/${fd}`), /memfd:crossfork-test/);
    assert.strictEqual(String(fs.readFileSync(`/proc/self/fd/${fd}`)), 'contents');
  },

  'memfd: a name that cannot be': () => {
    assert.strictEqual(thrown(() => memfd('x'.repeat(300))).code, 'EINVAL');
    assert.strictEqual(thrown(() => memfd('a\0b')).code, 'ERR_INVALID_ARG_VALUE');
  },

  'memfd: seals keep it as it is': (t) => {
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

  'mapFd: all who map it share it, also when the descriptor is closed': () => {
    const fd = memfd('crossfork-test', Buffer.alloc(4096));
    const [one, two] = [mapFd(fd), mapFd(fd)];
    closeFd(fd);
    assert.ok(Buffer.isBuffer(one));
    one.write('written to one');
    assert.strictEqual(two.toString('utf8', 0, 14), 'written to one');
  },

  'mapFd: nobody can take away what is mapped': (t) => {
    const fd = t.owns(memfd('crossfork-test', 'contents'));
    const map = mapFd(fd);
    assert.match(thrown(() => fs.truncateSync(`/proc/self/fd/${fd}`, 1)).message, /EPERM|not permitted/);
    assert.strictEqual(String(map), 'contents');
  },

  'mapFd: what is sealed against writing can be written to, and stays as it is': (t) => {
    const fd = t.owns(memfd('crossfork-test', 'contents', { seals: ['write'] }));
    const map = mapFd(fd);
    map.write('CONT');
    assert.strictEqual(String(map), 'CONTents');
    assert.strictEqual(String(mapFd(fd)), 'contents');
  },

  'mapFd: an empty one is an empty Buffer': (t) => {
    assert.strictEqual(mapFd(t.owns(memfd('crossfork-test'))).length, 0);
  },

  'mapFd: other files cannot be mapped, for they can shrink': (t) => {
    for (const path of [__filename, '/', '/dev/zero']) {
      const error = thrown(() => mapFd(t.opens(path)));
      assert.deepStrictEqual([path, error.code, error.syscall], [path, 'EINVAL', 'mmap']);
    }
    const sealed = t.owns(memfd('crossfork-test', 'x', { seals: ['seal'] }));
    assert.strictEqual(thrown(() => mapFd(sealed)).code, 'EPERM');
  },

  'mapFd: more than a Buffer can have is an error': (t) => {
    const fd = t.owns(memfd('crossfork-test', 'x'));
    fs.truncateSync(`/proc/self/fd/${fd}`, 2 ** 50);
    assert.ok(['EFBIG', 'ENOMEM'].includes(thrown(() => mapFd(fd)).code));
  },

  'mapFd: unmapped when the Buffer is collected': {
    unless: () => !process.versions.bun && !globalThis.gc && 'nobody can ask for a collection here',
    run: async () => {
      const map = () => {
        const fd = memfd('crossfork-test', Buffer.alloc(65536));
        mapFd(fd)[0] = 1;
        closeFd(fd);
      };
      for (let i = 0; i < 50; i++) map();
      await until(() => {
        collect();
        return mappings() < 25;
      }, 'most of 50 mappings are gone');
    },
  },
});
