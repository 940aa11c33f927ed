'use strict';

// `npm run demo`: a Node front hands requests and their sockets to three Rust workers. One of them is killed with requests
// in flight, and every client gets its answer.
//
//   npm run demo -- --record FILE   also writes what was shown to an animated SVG
const { once } = require('node:events');
const { setTimeout } = require('node:timers/promises');
const { rust } = require('../rust.cjs');
const { Front } = require('./front.js');
const { Screen } = require('./screen.js');

const WORKERS = 3;
const REQUESTS = 150;
const BELOW = 30_000; // there are 3245 primes below it
const PRIMES = 3245;

async function main() {
  const at = process.argv.indexOf('--record');
  const screen = new Screen(process.stdout, at < 0 ? undefined : process.argv[at + 1]);
  const front = new Front(rust('demo_worker'), WORKERS);
  front.server.listen(0, '127.0.0.1');
  await once(front.server, 'listening');
  const address = `http://127.0.0.1:${front.server.address().port}/${BELOW}`;

  const seen = { asked: 0, answered: 0, wrong: 0 };
  const draw = () => screen.show(frame(front, address, seen));
  const ask = async () => {
    seen.asked++;
    try {
      const text = await (await fetch(address)).text();
      if (!text.startsWith(`${PRIMES} primes`)) seen.wrong++;
    } catch {
      seen.wrong++;
    }
    seen.answered++;
  };

  const timer = setInterval(draw, 100);
  const requests = [];
  for (let i = 0; i < REQUESTS; i++) {
    requests.push(ask());
    await setTimeout(20);
    if (i === REQUESTS / 2) front.workers.reduce((a, b) => (b.busy > a.busy ? b : a)).process.kill('SIGKILL');
  }
  await Promise.all(requests);
  clearInterval(timer);
  await front.stop();
  draw();
  screen.end();
  if (seen.wrong > 0) process.exitCode = 1;
}

function frame(front, address, { asked, answered, wrong }) {
  const bar = (count) => '█'.repeat(Math.round((count / REQUESTS) * 60)).padEnd(34);
  return [
    ['bold', `Node front, process ${process.pid}: ${address}`],
    ['plain', ''],
    ...front.workers.map(({ process: { pid }, answered, busy, ended }) => {
      const state = ended && ended !== 'exit code 0' ? `killed by ${ended}` : `${busy} in flight`;
      return [
        ended && ended !== 'exit code 0' ? 'red' : 'green',
        `Rust worker ${pid}  ${bar(answered)} ${`${answered}`.padStart(3)} answered, ${state}`,
      ];
    }),
    ['plain', ''],
    ['plain', `requests ${asked}   answers ${answered}   moved to another worker ${front.moved}   lost ${wrong}`],
  ];
}

main();
