'use strict';

// What a call can be rejected with. Each class has a code, for programs.

/** What all of them are. */
class CallError extends Error {
  constructor(message, code, options) {
    super(message, options);
    if (code !== undefined) this.code = code;
  }

  get name() {
    return this.constructor.name;
  }
}

/** The other side has answered with an error. */
class RemoteError extends CallError {}

class CallTimeoutError extends CallError {
  constructor(method, timeout) {
    super(`'${method}' has no answer after ${timeout} ms`, 'ERR_CALL_TIMEOUT');
  }
}

class CallAbortedError extends CallError {
  constructor(message, reason) {
    super(message, 'ERR_CALL_ABORTED', reason === undefined ? undefined : { cause: reason });
  }

  /** What programs that know AbortSignal look for. */
  get name() {
    return 'AbortError';
  }
}

/** The worker is gone. `begun` says whether the call may have begun, and so may have had an effect. */
class WorkerDiedError extends CallError {
  constructor(message, { begun, exitCode = null, signal = null, stderr = '' }, options) {
    super(message, 'ERR_WORKER_DIED', options);
    Object.assign(this, { begun, exitCode, signal, stderr });
  }
}

class QueueFullError extends CallError {
  constructor(limit) {
    super(`${limit} calls wait already, as many as 'maxQueue' allows. Wait for 'drain'`, 'ERR_QUEUE_FULL');
  }
}

class PoolClosedError extends CallError {
  constructor(message = 'The pool is closed, and takes no more calls') {
    super(message, 'ERR_POOL_CLOSED');
  }
}

class PoolStartError extends CallError {
  constructor(cause) {
    super(`No worker of the pool starts: ${cause.message}`, 'ERR_POOL_START', { cause });
  }
}

module.exports = {
  CallAbortedError,
  CallError,
  CallTimeoutError,
  PoolClosedError,
  PoolStartError,
  QueueFullError,
  RemoteError,
  WorkerDiedError,
};
