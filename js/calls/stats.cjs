'use strict';

const { CallAbortedError, CallTimeoutError, RemoteError, WorkerDiedError } = require('./errors.cjs');
const { performance } = require('./globals.cjs');
const { Histogram } = require('./histogram.cjs');

/** What has become of a pool's calls, and how long it took. */
class Stats {
  #outcomes = { completed: 0, failed: 0, timedOut: 0, aborted: 0, lost: 0, refused: 0 };
  #waited = new Histogram();
  #ran = new Histogram();

  sent(ms) {
    this.#waited.record(ms);
  }

  released(ms) {
    this.#ran.record(ms);
  }

  settled({ error }) {
    this.#outcomes[error === undefined ? 'completed' : outcomeOf(error)] += 1;
  }

  summary(counts, workers) {
    const now = performance.now();
    const all = workers.map((worker) => ({
      id: worker.id,
      pid: worker.pid,
      state: worker.state,
      running: worker.running,
      concurrency: worker.concurrency,
      completed: worker.completed,
      utilization: worker.utilization(now),
      rss: worker.rss,
      age: worker.readyAt === undefined ? 0 : now - worker.readyAt,
    }));
    const utilization = all.length === 0 ? 0 : all.reduce((sum, each) => sum + each.utilization, 0) / all.length;
    const times = { waitTime: this.#waited.summary(), runTime: this.#ran.summary() };
    return { ...counts, ...this.#outcomes, utilization, ...times, workers: all };
  }
}

function outcomeOf(error) {
  if (error instanceof RemoteError) return 'failed';
  if (error instanceof CallTimeoutError) return 'timedOut';
  if (error instanceof CallAbortedError) return 'aborted';
  return error instanceof WorkerDiedError ? 'lost' : 'refused';
}

module.exports = { Stats };
