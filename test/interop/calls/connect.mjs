// A program whose parent calls it and is called, with connectCalls.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { connectCalls } from '../../../js/index.mjs';

const noted = [];

async function* rows(n) {
  for (let i = 0; i < n; i++) yield i;
}

const peer = connectCalls(process, {
  methods: {
    double: (n) => 2 * n,
    ask: (n, cx) => cx.peer.call('triple', n),
    async collect(n, cx) {
      const items = [];
      for await (const item of cx.peer.stream('numbers', n)) items.push(item);
      return items;
    },
    upload: (n, cx) => cx.peer.call('total', rows(n)),
    async sum(items) {
      let sum = 0;
      for await (const item of items) sum += item;
      return sum;
    },
    note(n) {
      noted.push(n);
    },
    noted: () => noted,
    port(_, cx) {
      const { port } = cx.handle.address();
      cx.handle.close();
      return port;
    },
    async listen(_, cx) {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      // Node leaves a server open that it has sent.
      setTimeout(() => server.close(), 1000).unref();
      server.unref();
      return cx.withHandle(server.address().port, server);
    },
  },
});
peer.on('message', (message) => process.send({ echo: message }));
