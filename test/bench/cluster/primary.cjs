'use strict';

// Node's own primary, as its documentation has it: <script> <workers>, with NODE_CLUSTER_SCHED_POLICY.

const cluster = require('node:cluster');
const { join } = require('node:path');

cluster.setupPrimary({ exec: join(__dirname, 'app.cjs') });
for (let i = 0; i < Number(process.argv[2]); i++) cluster.fork();
cluster.on('exit', () => cluster.fork());
cluster.on('fork', (worker) => worker.on('error', () => {})); // killed while it was written to
process.on('SIGTERM', () => process.exit());
