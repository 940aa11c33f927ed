// A worker of a cluster that serves, and is called through its primary.
import cluster from 'node:cluster';
import { createServer } from 'node:http';
import { connectCalls } from '../../../js/index.mjs';

let noted = 0;
const peer = connectCalls(process, {
  methods: {
    id: () => cluster.worker.id,
    ask: (n, cx) => cx.peer.call('triple', n),
    note() {
      noted += 1;
    },
    noted: () => noted,
    die: () => process.exit(7),
  },
});
peer.on('message', (message) => process.send({ echo: message }));
createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1');
