// Calls to a pool of workers: `node examples/calls.mjs`.
import { Pool } from 'crossfork';

const pool = new Pool(new URL('./node/calls_worker.mjs', import.meta.url), { size: 2 });

console.log(await pool.call('add', { a: 2, b: 3 })); // 5
for await (const i of pool.stream('countTo', 3)) console.log(i); // 1, 2, 3
await pool.close();
