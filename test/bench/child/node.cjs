'use strict';

// What main.rs does, in JavaScript: `node node.cjs JOB [SIZE] WARM COUNT`, or `parcels KIND JOB SIZE WARM COUNT`.

const net = require('node:net');
const { sendItems } = require('../items.cjs');
const { parcel } = require('../parcels.cjs');

const [first, ...rest] = process.argv.slice(2);
(first === 'parcels' ? performWithParcels(...rest) : perform(first, rest.map(Number)))
  .then(() => {
    // The parent looks at this process before it disconnects.
    process.on('message', (message) => process.send(message));
  })
  .catch((error) => {
    console.error(error);
    process.exit(1);
  });

async function performWithParcels(kind, job, ...numbers) {
  const [size, ...counts] = numbers.map(Number);
  const body = parcel(kind, size);
  for (const count of counts) {
    if (job === 'receive') await receive(count, body);
    else await send(count, { parcel: body });
  }
}

async function perform(job, numbers) {
  switch (job) {
    case 'receive':
      for (const count of numbers) await receive(count);
      break;
    case 'send':
    case 'feed': {
      const [size, ...counts] = numbers;
      for (const count of counts) await send(count, { size });
      break;
    }
    case 'take-handles':
      for (const count of numbers) await takeHandles(count);
      break;
    case 'give-handles': {
      const server = net.createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => server.on('listening', resolve));
      for (const count of numbers) await send(count, { handle: server });
      server.close();
      break;
    }
    default:
      throw new Error(`no job ${job}`);
  }
}

function receive(count, parcel) {
  const before = process.cpuUsage();
  let sum = 0;
  let left = count;
  return new Promise((resolve) => {
    process.on('message', function take(item) {
      sum += item.seq;
      parcel?.open(item.body);
      if (--left > 0) return;
      process.off('message', take);
      report(sum, before, resolve);
    });
  });
}

async function send(count, what) {
  await new Promise((resolve) => process.once('message', resolve));
  const before = process.cpuUsage();
  await sendItems(process, count, what);
  await new Promise((resolve) => report(0, before, resolve));
}

function takeHandles(count) {
  const before = process.cpuUsage();
  let left = count;
  return new Promise((resolve) => {
    process.on('message', function take(_, server) {
      server.close();
      if (--left > 0) return;
      process.off('message', take);
      report(0, before, resolve);
    });
  });
}

function report(sum, before, sent) {
  const { user, system } = process.cpuUsage(before);
  process.send({ sum, cpu: user + system }, sent);
}
