// Clients that keep a server busy, as clients of every kind do, and count what fails.
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { createRequire } from 'node:module';
import { setTimeout as wait } from 'node:timers/promises';
import { TIER } from '../cells.mjs';
import { get } from '../http.mjs';
import { app } from './apps/index.mjs';
import { until } from './supervised.mjs';

const require = createRequire(app('load'));
const { Pool } = require('undici');
const { WebSocket } = require('ws');

/** Nothing listens any more. Clients count it apart, because their request was not lost: it was never sent. */
const REFUSED = ['ECONNREFUSED', 'ENOENT'];

/**
 * With a timeout, an agent leaves a connection before the time that the server has told. Without one it uses it until
 * the server closes it, and loses the request that crosses the end, whether or not there is a reload.
 */
const KEEP_ALIVE = { keepAlive: true, timeout: 60_000 };

/** Clients without pauses have the processors for themselves, unless they rest for a moment after each answer. */
const REST_MS = TIER === 'full' ? 0 : 10;

/**
 * How each kind of client behaves: how many there are, and `make`, which returns what one of them sends again and again.
 * `ask` reports each answer to `answered`, and rejects with what failed. `pause` and `rate` say when it asks again.
 * @type {Record<string, { clients: number, pause?: () => number, rate?: number, make: Function }>}
 */
export const KINDS = {
  'a connection each': { clients: 8, make: (port, options) => new Requests(port, options, false) },
  'keep-alive': {
    clients: 8,
    make: (port, options) => new Requests(port, options, { ...KEEP_ALIVE, maxSockets: 1 }),
  },
  'keep-alive with pauses': {
    clients: 12,
    pause: () => Math.random() * 300,
    make: (port, options) => new Requests(port, options, { ...KEEP_ALIVE, maxSockets: 1 }),
  },
  'open loop': { clients: 2, rate: 20, make: (port, options) => new Requests(port, options, KEEP_ALIVE) },
  undici: { clients: 8, make: (port) => new Undici(port) },
  streams: { clients: 8, make: (port) => new Streams(port) },
  WebSockets: { clients: 8, make: (port) => new WebSockets(port) },
  'HTTP/2': { clients: 4, make: (port) => new Http2(port) },
};

/** Sends requests with Node's own client. */
class Requests {
  #port;
  #path;
  #options;

  constructor(port, { secure = false, path = '/', headers = {} } = {}, agent = false) {
    const { Agent } = secure ? https : http;
    this.#port = port;
    this.#path = path;
    this.#options = { secure, headers, agent: agent && new Agent(agent) };
  }

  async ask(answered) {
    answered(await bodyOf(get(this.#port, this.#path, this.#options)));
  }

  close() {
    if (this.#options.agent) this.#options.agent.destroy();
  }
}

/** Sends requests with undici, over one connection that stays open. */
class Undici {
  constructor(port) {
    this.pool = new Pool(`http://127.0.0.1:${port}`, { connections: 1 });
  }

  async ask(answered) {
    const { statusCode, body } = await this.pool.request({ path: '/', method: 'GET' });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`status ${statusCode}: ${text}`);
    answered();
  }

  close() {
    this.pool.destroy();
  }
}

/** Each answer takes five seconds, and has a line at the end that tells that all of it has arrived. */
class Streams {
  #port;

  constructor(port) {
    this.#port = port;
  }

  async ask(answered) {
    const body = await bodyOf(get(this.#port, '/stream', { onData: () => answered() }));
    if (!body.endsWith('end\n')) throw new Error(`a stream ended with ${JSON.stringify(body.slice(-20))}`);
  }

  close() {}
}

/** Sends a message after the other, until the server closes the connection with 1001 ("going away"). */
class WebSockets {
  #socket;

  constructor(port) {
    this.url = `ws://127.0.0.1:${port}`;
  }

  ask(answered) {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(this.url);
      this.#socket = socket;
      const send = () => socket.readyState === WebSocket.OPEN && socket.send('hello');
      socket.on('open', send);
      socket.on('message', () => {
        answered();
        setTimeout(send, 50);
      });
      socket.on('error', (error) => (this.closed ? resolve() : reject(error)));
      socket.on('close', (code) => {
        if (code === 1001 || this.closed) resolve();
        else reject(new Error(`a WebSocket was closed with code ${code}`));
      });
    });
  }

  close() {
    this.closed = true;
    this.#socket?.close();
  }
}

/**
 * Sends streams, four at a time, over one session. A refused stream is no failure: the program never saw it, so it can be
 * repeated (RFC 9113, 8.7).
 */
class Http2 {
  #session;

  constructor(port) {
    this.url = `http://127.0.0.1:${port}`;
  }

  async ask(answered) {
    if (!this.#session || this.#session.closed || this.#session.destroyed) {
      this.#session = http2.connect(this.url);
      // Its streams tell of it.
      this.#session.on('error', () => {});
    }
    const session = this.#session;
    await Promise.all(Array.from({ length: 4 }, () => this.#stream(session, answered)));
  }

  #stream(session, answered) {
    return new Promise((resolve, reject) => {
      if (session.closed || session.destroyed) return resolve();
      const stream = session.request({ ':path': '/' });
      let body = '';
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        body += text;
      });
      stream.on('error', (error) => {
        const isRefused =
          stream.rstCode === http2.constants.NGHTTP2_REFUSED_STREAM || error.code === 'ERR_HTTP2_GOAWAY_SESSION';
        if (isRefused) resolve();
        // A stream of a session that could not connect is cancelled, and says why.
        else reject(REFUSED.includes(error.cause?.code) ? error.cause : error);
      });
      stream.on('close', () => {
        if (body === '') reject(new Error('a stream ended without an answer'));
        else answered();
        resolve();
      });
      stream.end();
    });
  }

  close() {
    this.#session?.close();
  }
}

async function bodyOf(asking) {
  const { status, body } = await asking;
  if (status !== 200) throw new Error(`status ${status}: ${body}`);
  return body;
}

/** Clients of one kind. They send from now on, until they are stopped or nothing listens any more. */
export class Load {
  answers = 0;
  /** What Node's own client got. */
  texts = new Set();
  refused = 0;
  /** What failed, with the milliseconds since the clients were started. */
  failures = [];
  #stopped = false;
  #started = performance.now();
  #clients;
  #done;

  /**
   * @param {keyof typeof KINDS} kind
   * @param {{ secure?: boolean, path?: string, headers?: object }} [options] what Node's own client requests
   */
  constructor(kind, port, options) {
    this.kind = kind;
    const { clients, make, rate } = KINDS[kind];
    this.#clients = Array.from({ length: clients }, () => make(port, options));
    this.#done = Promise.all(this.#clients.map((client) => (rate ? this.#send(client, rate) : this.#ask(client))));
  }

  /** Sends the next request when the last one was answered. */
  async #ask(client) {
    const { pause = () => REST_MS } = KINDS[this.kind];
    while (!this.#stopped && (await this.#once(client))) {
      const ms = pause();
      if (ms > 0) await wait(ms);
    }
  }

  /** Sends requests at a rate, whether or not the last ones were answered. */
  async #send(client, rate) {
    const sent = new Set();
    let listens = true;
    while (!this.#stopped && listens) {
      const one = this.#once(client).then((answer) => {
        sent.delete(one);
        listens &&= answer;
      });
      sent.add(one);
      await wait(1000 / rate);
    }
    await Promise.all(sent);
  }

  /** @returns whether the server still listens */
  async #once(client) {
    try {
      await client.ask((text) => {
        this.answers += 1;
        if (text) this.texts.add(text);
      });
      return true;
    } catch (error) {
      const code = error.code ?? error.message;
      if (REFUSED.includes(code)) {
        this.refused += 1;
        return false;
      }
      this.failures.push(`${this.kind}, ${Math.round(performance.now() - this.#started)} ms: ${code}`);
      return true;
    }
  }

  /** Waits until this many more requests were answered. */
  async answered(more) {
    const goal = this.answers + more;
    await until(
      () => this.answers >= goal || this.refused > 0,
      () => `${goal} answers: ${this}`,
    );
  }

  /** Waits until every client was refused, because nothing listens any more. */
  async ended() {
    await this.#done;
    return this.failures;
  }

  async stop() {
    this.#stopped = true;
    // A stream ends by itself, and a WebSocket does not.
    if (this.kind === 'WebSockets') for (const client of this.#clients) client.close();
    await this.#done;
    for (const client of this.#clients) client.close();
    return this.failures;
  }

  toString() {
    return `${this.answers} answers, ${this.refused} refused, failures: ${this.failures.join('; ') || 'none'}`;
  }
}
