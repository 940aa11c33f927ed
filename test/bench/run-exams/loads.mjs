// The kinds of clients. Each goes on until it is told to stop, and finishes the request that it is in.
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection, PATIENCE_MS } from './connection.mjs';
import { Tally } from './tally.mjs';
import { talk } from './web-socket.mjs';

const STREAM_MS = 5000;
const OPEN_LOOP_PER_SECOND = 100;
/** A client that was refused tries again after a while, as a program does. */
const AFTER_REFUSAL_MS = 100;
/** Proxies forget idle connections before servers close them, else the two would cross. */
const LONGEST_IDLE_MS = 2000;

/** What each kind is made of: so many clients, each of which runs a function of the load. */
export const LOADS = {
  'a connection each': { clients: 6, run: each },
  'keep-alive without pauses': { clients: 6, run: keepAlive(() => 0) },
  'keep-alive with pauses': { clients: 20, run: keepAlive(() => Math.random() * 300) },
  'open loop': { clients: 1, run: openLoop },
  'streams of 5 s': { clients: 6, run: streams },
  WebSockets: { clients: 6, run: webSocket },
};

/** Only these depend on how long the handler takes. */
export const WITH_HANDLER = Object.keys(LOADS).slice(0, 4);

export class Load {
  tally = new Tally();
  isStopped = false;
  /** When each request in flight began. */
  #inFlight = new Map();
  #running;

  /**
   * @param {{ port: number, kind: keyof typeof LOADS, ms?: number, perSecond?: number, patience?: number }} what `ms`: how
   *   long each handler takes; `patience`: how many milliseconds later an answer may come
   */
  constructor({ port, kind, ms = 0, perSecond = OPEN_LOOP_PER_SECOND, patience = PATIENCE_MS }) {
    Object.assign(this, { port, perSecond, patience: ms + patience, path: ms > 0 ? `/?ms=${ms}` : '/' });
    const { clients, run } = LOADS[kind];
    this.#running = Promise.all(Array.from({ length: clients }, () => run(this)));
  }

  /** Forgets what has been counted, and returns it. Requests in flight are counted when they end. */
  take() {
    const { tally } = this;
    this.tally = new Tally();
    return tally;
  }

  /** Waits until nothing is in flight that began before `time`. */
  async settled(time) {
    const old = [...this.#inFlight].filter(([, began]) => began < time);
    await Promise.all(old.map(([asking]) => asking));
  }

  /** @returns what was counted since the last `take()`, when the last client has stopped */
  async stop() {
    this.isStopped = true;
    await this.#running;
    return this.tally;
  }

  /** Sends a request and counts its verdict. */
  async ask(connection, request) {
    await this.count(connection.ask({ path: this.path, patience: this.patience, ...request }));
  }

  /** Counts the verdict of `asking`, and waits a little after a refusal. */
  async count(asking) {
    this.#inFlight.set(asking, performance.now());
    const { verdict } = await asking;
    this.#inFlight.delete(asking);
    this.tally.add(verdict);
    if (verdict === 'refused') await sleep(AFTER_REFUSAL_MS);
  }
}

async function each(load) {
  while (!load.isStopped) await load.ask(new Connection(load.port), { close: true });
}

function keepAlive(pause) {
  return async (load) => {
    let connection = new Connection(load.port);
    while (!load.isStopped) {
      if (!connection.isOpen) connection = new Connection(load.port);
      await load.ask(connection);
      const ms = pause();
      if (ms > 0) await sleep(ms);
    }
    connection.close();
  };
}

/** So many requests a second, however long the answers take, over a pool of connections, as proxies have. */
async function openLoop(load) {
  const idle = [];
  const asked = [];
  const begin = performance.now();
  for (let i = 0; !load.isStopped; i++) {
    asked.push(ask());
    await sleep(Math.max(0, begin + ((i + 1) * 1000) / load.perSecond - performance.now()));
  }
  await Promise.all(asked);
  for (const { connection } of idle) connection.close();

  async function ask() {
    const connection = reused() ?? new Connection(load.port);
    await load.ask(connection);
    if (connection.isOpen) idle.push({ connection, since: performance.now() });
  }

  function reused() {
    // The last ones are the youngest.
    const usable = idle.findLast(({ connection }) => connection.isOpen);
    if (usable === undefined || performance.now() - usable.since > LONGEST_IDLE_MS) {
      for (const { connection } of idle.splice(0)) connection.close();
      return undefined;
    }
    idle.splice(idle.indexOf(usable));
    return usable.connection;
  }
}

async function streams(load) {
  // Not all begin at once.
  await sleep(Math.random() * 1000);
  const path = `/stream?ms=${STREAM_MS}`;
  const patience = STREAM_MS + load.patience;
  while (!load.isStopped) await load.ask(new Connection(load.port), { path, close: true, patience });
}

async function webSocket(load) {
  while (!load.isStopped) await load.count(talk(load.port, load.patience, () => load.isStopped));
}
