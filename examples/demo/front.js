'use strict';

// The front of the demo: Node accepts, and hands each request with its socket to a Rust worker. It keeps its own copy of
// the socket until the worker reports the answer. When a worker dies, another one gets the requests that it still had.
const { adopt, dup, fork } = require('crossfork');
const { EventEmitter, once } = require('node:events');
const { createServer } = require('node:net');

class Front extends EventEmitter {
  workers = [];
  moved = 0;
  #program;
  #jobs = new Map(); // id -> { message, socket, worker }
  #lastId = 0;

  constructor(program, count) {
    super();
    this.#program = program;
    this.server = createServer((socket) => this.#accept(socket));
    for (let i = 0; i < count; i++) this.#start();
  }

  #accept(socket) {
    socket.on('error', () => {}); // the client has left
    socket.once('data', (request) => {
      socket.pause();
      const below = Number(/^GET \/(\d+)/.exec(request)?.[1] ?? 0);
      const job = { message: { id: ++this.#lastId, below }, socket };
      this.#jobs.set(job.message.id, job);
      socket.on('close', () => this.#jobs.delete(job.message.id));
      this.#give(job);
    });
  }

  get #alive() {
    return this.workers.filter(({ ended }) => !ended);
  }

  /** To the worker that has the least to do. */
  #give(job) {
    job.worker = this.#alive.reduce((a, b) => ((b.busy - a.busy || b.answered - a.answered) < 0 ? b : a));
    job.worker.busy++;
    // A copy. With `keepOpen`, Node closes the socket itself if the worker dies before it has acknowledged the handle.
    job.worker.process.send(job.message, adopt(dup(job.socket)));
  }

  #start() {
    const worker = { process: fork(this.#program), answered: 0, busy: 0, ended: undefined };
    this.workers.push(worker);
    worker.process.on('message', (id) => {
      worker.busy--;
      worker.answered++;
      this.#jobs.get(id)?.socket.destroy();
      if (this.#alive.every(({ busy }) => busy === 0)) this.emit('idle');
    });
    worker.process.on('error', () => {}); // it died while something was sent to it: 'exit' follows
    worker.process.on('exit', (code, signal) => {
      worker.ended = signal ?? `exit code ${code}`;
      if (worker.stopping) return;
      this.#start();
      for (const job of this.#jobs.values()) {
        // A worker that was killed just after its answer has not reported it, but the client has left.
        if (job.worker !== worker || job.socket.destroyed) continue;
        this.moved++;
        this.#give(job);
      }
    });
  }

  /** Stops accepting, and stops the workers when all requests are answered. */
  async stop() {
    this.server.close();
    if (this.#alive.some(({ busy }) => busy > 0)) await once(this, 'idle');
    for (const worker of this.#alive) {
      worker.stopping = true;
      worker.process.disconnect();
    }
  }
}

module.exports = { Front };
