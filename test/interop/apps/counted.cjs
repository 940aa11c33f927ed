// Counts the functions of the preload that run while connections and requests are served, writes that to a file, and exits
// with 7.
const { writeFileSync } = require('node:fs');
const { Agent, createServer, get } = require('node:http');
const { Session } = require('node:inspector');

const CONNECTIONS = 20;
const REQUESTS = 5;

const session = new Session();
session.connect();
const post = (method, params) =>
  new Promise((resolve, reject) =>
    session.post(`Profiler.${method}`, params, (error, result) => (error ? reject(error) : resolve(result))),
  );

/** How often each function of the preload has run since it was asked last. */
async function counts() {
  const { result } = await post('takePreciseCoverage');
  const functions = result.filter(({ url }) => /\/drain-\w+\.cjs$/.test(url)).flatMap((script) => script.functions);
  const ran = functions.map(({ functionName, ranges: [{ count }] }) => [functionName, count]).filter(([, n]) => n > 0);
  return Object.fromEntries(ran);
}

const ask = (port, agent) =>
  new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', agent }, (answer) => answer.resume().on('end', resolve)).on('error', reject);
  });

async function main() {
  await post('enable');
  await post('startPreciseCoverage', { callCount: true, detailed: false });
  const server = createServer((_, response) => response.end('text'));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const listening = await counts();
  const { port } = server.address();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let i = 0; i < CONNECTIONS; i++) await ask(port, false);
  for (let i = 0; i < REQUESTS * CONNECTIONS; i++) await ask(port, agent);
  const serving = await counts();
  writeFileSync(`${process.env.OBSERVED}.${process.pid}`, JSON.stringify({ listening, serving, CONNECTIONS }));
  process.exit(7);
}
main();
