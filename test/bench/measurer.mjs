// Processes that measure: each is forked, given orders over its channel, one at a time, and gives an answer to each.

import { fork } from 'node:child_process';

/** More than a Node parent has for itself. */
const DEADLINE = 90_000;

export class Measurer {
  #process;

  /** @param {string[]} command */
  constructor(command, { serialization } = {}) {
    const [execPath, ...args] = command;
    const module = args.pop() ?? '';
    this.#process = fork(module, { execPath, execArgv: args, serialization });
  }

  /** @returns {Promise<{ result: object }>} */
  async ask(order) {
    let timer;
    const answer = await new Promise((resolve, reject) => {
      const ended = (code, signal) => reject(new Error(`it ended with ${signal ?? code}: ${describe(order)}`));
      this.#process.once('error', reject).once('exit', ended);
      this.#process.once('message', (message) => {
        this.#process.off('error', reject).off('exit', ended);
        resolve(message);
      });
      timer = setTimeout(() => {
        reject(new Error(`no answer within ${DEADLINE / 1000} s: ${describe(order)}`));
        this.#process.kill('SIGKILL');
      }, DEADLINE);
      this.#process.send(order);
    }).finally(() => clearTimeout(timer));
    if (answer.error) throw new Error(answer.error);
    return answer;
  }

  end() {
    if (this.#process.connected) this.#process.disconnect();
  }
}

/** The ones that run. Each is started when it is first needed, and then lives on, so that its code is warm. */
export class Measurers {
  #start;
  #running = new Map();

  /** @param {(...which: unknown[]) => Measurer} start */
  constructor(start) {
    this.#start = start;
  }

  ask(order, ...which) {
    const key = which.join(' ');
    if (!this.#running.has(key)) this.#running.set(key, this.#start(...which));
    return this.#running.get(key).ask(order);
  }

  /** Of a process that has done nothing before. */
  async askNew(order, ...which) {
    const measurer = this.#start(...which);
    try {
      return await measurer.ask(order);
    } finally {
      measurer.end();
    }
  }

  end() {
    for (const measurer of this.#running.values()) measurer.end();
  }
}

function describe({ job, command, contestant, kind }) {
  return [job, ...(command ?? [contestant, kind])].join(' ');
}
