// A worker of the npm package.
import { createServer } from 'node:net';
import { serve } from '../../../js/index.mjs';

serve(
  {
    double: (n) => 2 * n,
    add: ({ a, b }) => a + b,
    nothing: () => {},
    ask: (n, cx) => cx.peer.call('triple', n),
    trace: (_, cx) => cx.traceparent,
    place: () => process.env.CROSSFORK_WORKER_ID,
    report(n, cx) {
      for (let i = 1; i <= n; i++) cx.progress(`step ${i}`);
      return n;
    },
    greet: (name, { handle }) => new Promise((resolve) => handle.end(`hello, ${name}`, () => resolve(1))),
    listen: (_, cx) =>
      new Promise((resolve) => {
        const server = createServer().listen(0, '127.0.0.1', () =>
          resolve(cx.withHandle(server.address().port, server)),
        );
      }),
    fail() {
      throw Object.assign(new TypeError('on purpose'), { code: 'ENOPE' });
    },
    *count(n) {
      for (let i = 1; i <= n; i++) yield i;
    },
    forever: (_, cx) => new Promise((_, reject) => cx.signal.addEventListener('abort', () => reject(cx.signal.reason))),
    die() {
      process.stderr.write('farewell\n', () => process.exit(7));
      return new Promise(() => {});
    },
  },
  { concurrency: 4 },
);
