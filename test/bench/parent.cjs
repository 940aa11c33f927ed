'use strict';

// The Node parent. It lives as long as the benchmark, so that its code is warm, and is asked over its own channel for
// one measurement at a time: an order names a child and what to do with it, the answer tells what it took.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { readFileSync } = require('node:fs');
const net = require('node:net');
const { sum, sendItems, pad, FIRST } = require('./items.cjs');
const { parcel } = require('./parcels.cjs');

const DEADLINE = 60_000;

const JOBS = {
  receive,
  send: take,
  feed: take,
  trip,
  'take-handles': giveHandles,
  'give-handles': takeHandles,
  start,
  idle,
};

process.on('message', async (order) => {
  try {
    process.send({ result: await measure(order) });
  } catch (error) {
    process.send({ error: `${order.command.join(' ')}: ${error.message}` });
  }
});

async function measure(order) {
  const started = now();
  const { stdio, serialization } = order;
  const child = spawn(order.command[0], order.command.slice(1), { stdio, serialization });
  const ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve(signal ?? code)));
  let timer;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no result within ${DEADLINE / 1000} s`)), DEADLINE);
    child.on('error', reject);
    ended.then((end) => reject(new Error(`ended too early: ${end}`)));
  });
  try {
    const result = await Promise.race([JOBS[order.job](child, order, started), deadline]);
    result.rss = residentMemory(child.pid);
    child.removeAllListeners('message');
    child.disconnect();
    const end = await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 5000, 'no exit').unref())]);
    if (end !== 0) throw new Error(`ended with ${end}`);
    return result;
  } finally {
    clearTimeout(timer);
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  }
}

/** The child receives. */
async function receive(child, { warm, count, size, blind, kind }) {
  const body = kind && parcel(kind, size);
  return last([warm, count], async (n) => {
    const start = now();
    const reported = next(child);
    await sendItems(child, n, { size, parcel: body });
    const report = await reported;
    if (!blind && report.sum !== sum(n)) throw new Error(`received ${report.sum} and not ${sum(n)}`);
    return { time: now() - start, cpu: report.cpu };
  });
}

/** The child sends. */
async function take(child, { warm, count, blind, kind, size }) {
  const body = kind && parcel(kind, size);
  return last([warm, count], async (n) => {
    let seen = 0;
    const start = now();
    const reported = new Promise((resolve) => {
      child.on('message', function look(message) {
        if (message.seq !== undefined) {
          seen += message.seq;
          body?.open(message.body);
          return;
        }
        child.off('message', look);
        resolve(message);
      });
    });
    child.send({ seq: 0, pad: '' });
    const report = await reported;
    const expected = blind ? n * FIRST : sum(n);
    if (seen !== expected) throw new Error(`sent ${seen} and not ${expected}`);
    return { time: now() - start, cpu: report.cpu };
  });
}

/** The child sends back what it receives, one at a time. */
async function trip(child, { warm, count, size }) {
  const text = pad(size);
  return last([warm, count], async (n) => {
    const start = now();
    await new Promise((resolve, reject) => {
      let seq = FIRST;
      child.on('message', function look(item) {
        if (item.seq !== seq) reject(new Error(`${item.seq} came back for ${seq}`));
        if (++seq < FIRST + n) return child.send({ seq, pad: text });
        child.off('message', look);
        resolve();
      });
      child.send({ seq, pad: text });
    });
    return { time: now() - start };
  });
}

/** The child is given servers, and closes them. */
async function giveHandles(child, { warm, count }) {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.on('listening', resolve));
  try {
    return await last([warm, count], async (n) => {
      const start = now();
      const reported = next(child);
      await sendItems(child, n, { handle: server });
      const { cpu } = await reported;
      return { time: now() - start, cpu };
    });
  } finally {
    server.close();
  }
}

/** The child gives servers, and they are closed here. */
async function takeHandles(child, { warm, count, request }) {
  return last([warm, count], async (n) => {
    let left = n;
    let report = {};
    const start = now();
    const all = new Promise((resolve) => {
      child.on('message', function look(message, server) {
        if (server) {
          server.close();
          left--;
        } else {
          report = message;
        }
        // The crossfork command makes no report.
        if (left > 0 || !(server ? request : report)) return;
        child.off('message', look);
        resolve();
      });
    });
    child.send(request ? { ...request, count: n } : { seq: 0, pad: '' });
    await all;
    return { time: now() - start, cpu: report.cpu };
  });
}

/** From the fork to the child's first message. */
async function start(child, _, started) {
  const answer = next(child);
  child.send({ seq: 0, pad: '' });
  await answer;
  return { time: now() - started };
}

/** With as many children that have nothing to do. */
async function idle(child, { command, stdio, children }) {
  const others = Array.from({ length: children - 1 }, () => spawn(command[0], command.slice(1), { stdio }));
  await Promise.all(
    [child, ...others].map((one) => {
      const answer = next(one);
      one.send({ seq: 0, pad: '' });
      return answer;
    }),
  );
  const parentRss = residentMemory(process.pid);
  const ended = Promise.all(others.map((other) => once(other, 'exit')));
  for (const other of others) other.disconnect();
  await ended;
  return { parentRss };
}

/** The result of the last of several rounds, and what it cost us; the first are to warm up. */
async function last(counts, round) {
  let result;
  for (const n of counts) {
    const before = process.cpuUsage();
    result = await round(n);
    const { user, system } = process.cpuUsage(before);
    result.parentCpu = user + system;
  }
  return result;
}

function next(child) {
  return new Promise((resolve) => child.once('message', resolve));
}

/** In microseconds. */
function now() {
  return Number(process.hrtime.bigint()) / 1000;
}

/** Bytes; undefined on systems that have no /proc. */
function residentMemory(pid) {
  try {
    return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}
