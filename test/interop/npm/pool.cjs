'use strict';

// workerpool, with workers in Rust: <executable> <driver>. Prints what it found as JSON.

const workerpool = require('workerpool');

const [execPath, driver] = process.argv.slice(2);
const pool = workerpool.pool(driver, {
  workerType: 'process',
  minWorkers: 2,
  maxWorkers: 2,
  forkOpts: { execPath },
});

async function main() {
  const sums = await Promise.all(Array.from({ length: 200 }, (_, i) => pool.exec('add', [i, 1])));
  const long = await pool.exec('repeat', ['é', 500_000]);
  const pids = await Promise.all(Array.from({ length: 50 }, () => pool.exec('whoami')));
  const failure = await pool.exec('fail').catch(({ name, message }) => ({ name, message }));
  const unknown = await pool.exec('nothing').catch(({ message }) => message);
  const proxy = await pool.proxy();
  const proxied = await proxy.add(20, 22);
  const tooLong = await pool
    .exec('sleep', [60_000])
    .timeout(200)
    .catch(({ message }) => message);
  await pool.terminate();
  const right = sums.every((sum, i) => sum === i + 1) && long === 'é'.repeat(500_000);
  console.log(JSON.stringify({ right, pids: [...new Set(pids)], failure, unknown, proxied, tooLong }));
}

main();
