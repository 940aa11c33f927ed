'use strict';

// Pictures are scaled by Rust processes: `node examples/image_service/front.js`. The service is main.rs.
const { Pool } = require('crossfork');
const { rust } = require('../rust.cjs');

async function main() {
  const pool = new Pool(rust('image_service'), { size: 2 });
  const picture = { width: 2000, height: 1000, pixels: Buffer.alloc(2_000_000, 100) };

  let percent = 0;
  const onProgress = (now) => {
    percent = now;
  };
  const small = await pool.call('scale', { picture, width: 200 }, { onProgress, timeout: 10_000 });
  console.log(`a picture of ${small.width} x ${small.height}, and ${small.pixels.length} bytes`);
  console.log(`the last report was ${percent > 0 ? 'a number of percent' : 'none'}`);

  // Nobody waits for this one any more, and the handler stops.
  const gone = pool.call('scale', { picture, width: 2000 }, { signal: AbortSignal.timeout(1) });
  await gone.catch((error) => console.log(`the second was left: ${error.code}`));

  const wrong = pool.call('scale', { picture: { ...picture, width: 'wide' }, width: 200 });
  await wrong.catch((error) => console.log(`the third was refused: ${error.message}`));

  // Pictures that are made while they are read.
  async function* pictures() {
    for (let width = 1; width <= 3; width++) yield { width, height: 1, pixels: Buffer.alloc(width, 50) };
  }
  for await (const { pixels, mean } of pool.stream('album.measure', { pictures: pictures() })) {
    console.log(`${pixels} pixels, ${mean} on average`);
  }
  await pool.close();
}

main();
