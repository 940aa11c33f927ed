'use strict';

// Workers of this process, which is the primary of a cluster, and the clients of what they serve.

const assert = require('node:assert');
const cluster = require('node:cluster');
const http = require('node:http');
const net = require('node:net');
const { closeOnExec } = require('./proc.cjs');
const { readTo } = require('./peers.cjs');
const { event, until, within } = require('./wait.cjs');

/** `rr` or `none`: all workers of a process have the same policy. */
const { policy } = JSON.parse(process.argv[4]);
cluster.schedulingPolicy = policy === 'none' ? cluster.SCHED_NONE : cluster.SCHED_RR;

const node = process.execPath;

/** The worker's number -> the names of all of its events, in order, as the cluster emits them. */
const log = new Map();
for (const name of ['fork', 'online', 'listening', 'disconnect', 'exit']) {
  cluster.on(name, ({ id }) => log.set(id, [...(log.get(id) ?? []), name]));
}

class Worker {
  stderr = '';
  /** 'error' events: what the primary could not write to it. */
  errors = [];
  /** What it has asked the primary, and told it. */
  said = [];
  #addresses = [];
  #messages = [];
  #readers = [];

  /**
   * @param {object} t the scenario
   * @param {string[]} [args] the worker's arguments behind the kind of driver
   * @param {object} [options] `binary` and `exec` for another program than the one under test; `env`
   */
  constructor(t, args = [], { binary = t.binary, exec = t.kind, env } = {}) {
    this.kind = t.kind;
    const { execPath } = process;
    process.execPath = binary;
    try {
      cluster.setupPrimary({ exec, args, execArgv: [], serialization: t.serialization, silent: true });
      this.worker = cluster.fork(env);
    } finally {
      process.execPath = execPath;
    }
    this.process = this.worker.process;
    this.process.stderr.on('data', (bytes) => {
      this.stderr += bytes;
    });
    this.process.stdout.resume();
    this.worker.on('error', (error) => this.errors.push(error));
    this.process.on('internalMessage', (message) => this.said.push(message));
    this.worker.on('listening', (address) => this.#addresses.push(address));
    this.worker.on('message', (message) => {
      const reader = this.#readers.shift();
      if (reader) reader(message);
      else this.#messages.push(message);
    });
    this.exited = new Promise((resolve) => this.worker.on('exit', (code, signal) => resolve({ code, signal })));
    t.adopt(this);
  }

  get pid() {
    return this.process.pid;
  }

  get id() {
    return this.worker.id;
  }

  get events() {
    return log.get(this.id);
  }

  killNow() {
    if (!this.worker.isDead()) this.process.kill('SIGKILL');
  }

  send(message, handle) {
    return this.worker.send(message, handle, () => {});
  }

  /** The next message. */
  receive(what = 'a message') {
    const ready = this.#messages.shift();
    const next = ready ? Promise.resolve(ready) : new Promise((resolve) => this.#readers.push(resolve));
    return within(next, () => `${what} from worker ${this.id} (so far: ${this.events}; ${this.stderr})`);
  }

  /** What it answers. */
  ask(message) {
    this.send(message);
    return this.receive(`the answer to ${JSON.stringify(message)}`);
  }

  /** Sends a value and waits until it has come back. */
  async echo(value = 'echo') {
    assert.deepStrictEqual(await this.ask({ value }), { value });
  }

  /** Has it listen, and gives the port. */
  async listen(request) {
    const answer = await this.ask({ op: 'listen', ...request });
    assert.strictEqual(answer.op, 'listening', JSON.stringify(answer));
    return answer;
  }

  /** The arguments of its next 'listening' event. */
  async listening() {
    await until(
      () => this.#addresses.length > 0,
      () => `worker ${this.id} listens: ${this.stderr}`,
    );
    return this.#addresses.shift();
  }

  /** Waits for its end, and asserts that it was this one. */
  async ends({ code = 0, signal = null, exitedAfterDisconnect }) {
    const end = await within(this.exited, () => `the exit of worker ${this.id} (${this.events}) ${this.stderr}`);
    assert.deepStrictEqual(end, { code, signal }, this.stderr);
    // One that is killed may be about to be answered.
    if (!signal) assert.deepStrictEqual(this.errors, []);
    assert.strictEqual(this.worker.exitedAfterDisconnect, exitedAfterDisconnect);
    if (this.worker.isConnected()) await event(this.worker, 'disconnect');
  }

  /** What it said with this `act`. */
  acts(act) {
    return this.said.filter((message) => message.act === act);
  }
}

/** A loopback address that no other scenario of this process uses: servers at port 0 are shared by all workers. */
let hosts = 0;
const freshHost = () => `127.0.${++hosts}.1`;

/** A port that was free a moment ago, on every interface. */
async function freePort() {
  const server = net.createServer().listen(0);
  await event(server, 'listening');
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Asks with a connection of its own, and gives the number of the process that has answered. */
function get(where) {
  const answer = new Promise((resolve, reject) => {
    const request = http.get({ ...where, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      response.on('end', () => resolve(text)).on('error', reject);
    });
    request.on('error', reject);
  });
  return within(answer.then(servedBy), () => `an answer from ${JSON.stringify(where)}`);
}

function servedBy(text) {
  const [, pid] = /handled by child, pid is (\d+)\n$/.exec(text) ?? assert.fail(text);
  return Number(pid);
}

/** A connection that a worker has accepted, and half of a request on it. */
async function begin(t, where, workers) {
  const sockets = () => workers.reduce((sum, { pid }) => sum + closeOnExec(pid).size, 0);
  const before = sockets();
  const client = where.socketPath ? net.connect(where.socketPath) : net.connect(where.port, where.host);
  t.after(() => client.destroy());
  client.on('error', () => {});
  await event(client, 'connect', () => `a connection to ${JSON.stringify(where)}`);
  client.write('GET / HTTP/1.1\r\nHost: localhost\r\n');
  await until(() => sockets() > before, 'a worker has the connection');
  return {
    client,
    /** The rest of the request; gives who has answered. */
    async finish() {
      client.write('Connection: close\r\n\r\n');
      return servedBy(await readTo(client, '\n'));
    },
  };
}

module.exports = { Worker, policy, node, freshHost, freePort, get, begin };
