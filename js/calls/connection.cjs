'use strict';

// A machine and its channel: a process that was forked, or the one that has forked this one.

const { coded } = require('../errors.cjs');
const { carriesBytes, packCall, unpackCall } = require('./bytes.cjs');
const { CallError } = require('./errors.cjs');
const { performance, process, queueMicrotask, setImmediate } = require('./globals.cjs');
const { closeHandle } = require('./handles.cjs');
const { Machine } = require('./machine.cjs');
const { streamsIn } = require('./streams.cjs');
const { placed } = require('./upload.cjs');
const { CODES, isBundle, isCall } = require('./wire.cjs');

/** A handler that has kept the process for so long, in milliseconds: its answer does not wait for those behind it. */
const LONG = 2;

/** So many messages may wait for a full channel before calls that come wait too. */
const MOST_WAITING = 16;

/** How often the peer is told how much memory this process has, in milliseconds. */
const RSS_EVERY = 1000;

/** Elsewhere nothing can be concluded from when `send` calls back, or from what it returns. */
const isDeno = process.versions.deno !== undefined;
const isNode = process.versions.bun === undefined && !isDeno;

/**
 * Who is told what happens.
 * @typedef {object} Sink
 * @property {(call, result, handle) => void} answered
 * @property {(call, error) => void} failed the `error` of the answer, which may be anything
 * @property {(call, items: unknown[]) => void} items
 * @property {(call, value) => void} progress
 * @property {(upload, value) => void} uploaded something of an upload that a handler reads: items, its end, or an error
 * @property {(incoming: Incoming) => void} request
 * @property {(incoming: Incoming) => void} cancelled
 * @property {(incoming: Incoming) => void} credited
 * @property {(method: string, params, handle) => void} notification
 * @property {(message, handle) => void} message what is no call
 * @property {(handle) => void} unwanted a handle that nobody takes
 */

class Connection {
  machine = new Machine(this);
  /** The peer is told of this process's memory. */
  tellsMemory = false;
  #target;
  #runner;
  #onOther;
  #carriesBytes;
  #isScheduled = false;
  /** The entries of the message that the channel was full with. */
  #blockedBy = undefined;
  #waiting = [];
  #isOver = false;
  #rssAt = Number.NEGATIVE_INFINITY;
  #flushLater = () => {
    this.#isScheduled = false;
    this.flush();
  };
  #place = (call) => placed(call, this);
  #onMessage = (message, handle) => this.#receive(message, handle);

  /**
   * @param {NodeJS.Process | import('node:child_process').ChildProcess} target
   * @param {import('./runner.cjs').Runner} runner who answers the peer's calls
   * @param {(message, handle) => void} onOther told of what is no call
   */
  constructor(target, runner, onOther) {
    this.#target = target;
    this.#runner = runner;
    this.#onOther = onOther;
    this.#carriesBytes = carriesBytes(target);
    target.on('message', this.#onMessage);
  }

  get isOpen() {
    return !this.#isOver && this.#target.connected === true;
  }

  /** The peer does not read what there is for it already. */
  get isFull() {
    return this.#blockedBy !== undefined && this.machine.queued >= MOST_WAITING;
  }

  // Our calls

  /** Gives the peer a call. */
  hand(call, now) {
    if (call.handle !== undefined && !this.machine.peerIsOurs && !call.options.handleToAnyPeer) {
      call.reject(handleError(call.method));
      call.released();
      return;
    }
    if (call.streams !== undefined && !this.machine.peerIsOurs) {
      const why = 'the other side has not said that it reads uploads. Wait for ready() first';
      call.reject(new CallError(`'${call.method}' has a stream among its parameters, and ${why}`, 'ERR_CALL_UPLOAD'));
      call.released();
      return;
    }
    call.state = 'sent';
    call.connection = this;
    this.machine.request(call, call.timeLeft(now), call.streams === undefined ? undefined : this.#place);
    this.schedule();
  }

  /** Returns true if the call was never sent, and never will be. */
  cancel(call) {
    const isUnsent = this.machine.cancel(call);
    if (isUnsent) call.released();
    else this.schedule();
    return isUnsent;
  }

  credit(call, n) {
    this.machine.credit(call, n);
    this.schedule();
  }

  notify(method, params, handle, toAnyPeer = false) {
    if (streamsIn(params) !== undefined) {
      throw new CallError(
        `A notification has no uploads, and '${method}' has a stream among its parameters`,
        'ERR_CALL_UPLOAD',
      );
    }
    if (handle !== undefined && !toAnyPeer && !this.machine.peerIsOurs) throw handleError(method);
    this.machine.notify(method, params, handle);
    this.schedule();
  }

  /** What the machine has to send is sent when all that is ready has run: callbacks, and what waits for promises. */
  schedule() {
    if (this.#isScheduled || this.#blockedBy !== undefined || this.#isOver) return;
    this.#isScheduled = true;
    queueMicrotask(() => process.nextTick(this.#flushLater));
  }

  flush() {
    while (this.#blockedBy === undefined && this.isOpen) {
      this.#noteMemory();
      const packet = this.machine.take();
      if (packet === undefined) return;
      this.#send(packet);
    }
  }

  /** Waits for the next turn, and as long as the channel is full. It may be so again when those that waited go on. */
  async room() {
    await new Promise(setImmediate);
    while (this.isFull && !this.#isOver) await new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake() {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Our calls that have no answer, and will have none. The channel's messages are nobody's from now on. */
  end() {
    this.#isOver = true;
    this.#target.off('message', this.#onMessage);
    this.#wake();
    const calls = this.machine.end();
    return calls;
  }

  disconnect() {
    if (this.#target.connected) this.#target.disconnect();
  }

  #noteMemory() {
    if (!this.tellsMemory) return;
    const now = performance.now();
    if (now - this.#rssAt < RSS_EVERY) return;
    this.#rssAt = now;
    this.machine.rss = process.memoryUsage.rss();
  }

  #send({ message, entries }) {
    try {
      // Deno ends with a panic where it meets a cycle.
      if (isDeno) JSON.stringify(message);
      const written = this.#carriesBytes ? message : packCall(message);
      const goesOn = this.#target.send(written, entries[0].handle, undefined, (error) => this.#sent(entries, error));
      if (!goesOn && isNode) this.#blockedBy = entries;
    } catch (error) {
      if (!this.isOpen) {
        closeHandles(entries);
        return;
      }
      if (entries.length > 1) for (const entry of entries) this.#send({ message: entry.message, entries: [entry] });
      else this.#unsendable(entries[0], error);
    }
  }

  #sent(entries, error) {
    if (error) closeHandles(entries);
    if (isNode && !error) {
      for (const { kind, owner } of entries) {
        // Another may have the call already: Node calls all that was left written when a process is gone.
        if (kind === 'request' && owner.connection === this) owner.isWritten = true;
      }
    }
    if (this.#blockedBy === entries) {
      this.#blockedBy = undefined;
      this.flush();
      this.#wake();
      if (!this.isFull) this.#runner.goOn();
    }
  }

  #unsendable(entry, problem) {
    this.machine.unsendable(entry, problem);
    if (entry.kind === 'request') {
      const message = `The parameters of '${entry.owner.method}' cannot be sent: ${problem.message}`;
      entry.owner.reject(Object.assign(new CallError(message, 'ERR_CALL_PARAMETERS', { cause: problem })));
      entry.owner.released();
    } else if (entry.kind === 'other') {
      process.emitWarning(coded(Error, 'ERR_CALL_PARAMETERS', `A notification cannot be sent: ${problem.message}`));
    }
    this.schedule();
  }

  #receive(message, handle) {
    if (!this.#carriesBytes && (isCall(message) || isBundle(message))) unpackCall(message);
    this.machine.receive(message, handle ?? undefined);
    if (this.machine.hasOutput) this.schedule();
  }

  // What the machine tells

  answered(call, result, handle) {
    call.answered(result, handle);
    call.released();
  }

  failed(call, error) {
    if (error?.code === CODES.notBegun && !call.isSettled && call.notBegun()) return;
    call.failed(error);
    call.released();
  }

  items(call, items) {
    call.gotItems(items, this.machine.peerIsOurs);
  }

  progress(call, value) {
    call.gotProgress(value);
  }

  request(incoming) {
    const before = performance.now();
    this.#runner.request(incoming);
    if (performance.now() - before > LONG) this.flush();
  }

  cancelled(incoming) {
    this.#runner.cancelled(incoming);
  }

  credited(incoming) {
    if (incoming.isUpload) incoming.goOn();
    else this.#runner.credited(incoming);
  }

  uploaded(upload, value) {
    upload.got(value);
  }

  notification(method, params, handle) {
    this.#runner.notification(method, params, handle);
  }

  message(message, handle) {
    this.#onOther(message, handle);
  }

  unwanted(handle) {
    closeHandle(handle);
  }
}

/** The channel has not taken these. The handle of a call stays its caller's, and that of an answer is nobody's. */
function closeHandles(entries) {
  for (const { kind, handle } of entries) if (kind === 'answer') closeHandle(handle);
}

function handleError(method) {
  const why = 'the other side has not said that it takes handles. Wait for ready() first';
  return new CallError(`'${method}' has a handle, and ${why}`, 'ERR_CALL_HANDLE');
}

module.exports = { Connection, isNode };
