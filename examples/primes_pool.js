'use strict';

// A pool of Rust workers, and calls by name. The worker: primes_service.rs
const { Pool } = require('crossfork');
const { rust } = require('./rust.cjs');

async function main() {
  const pool = new Pool(rust('primes_service'), { size: 2 });
  const counts = await Promise.all([100_000, 1000, 10].map((below) => pool.call('primes', below)));
  console.log(counts.join(', ')); // 9592, 168, 4
  await pool.call('primes', 'many').catch((error) => console.log(error.code)); // ERR_CALL_PARAMETERS
  await pool.close();
}
main();
