'use strict';

const { EventEmitter } = require('node:events');
// From the module, because Jest replaces the global function.
const { setTimeout } = require('node:timers');
const { toBytes } = require('./bytes.cjs');
const { checkBoolean, checkFd, checkFunction, checkInteger, checkOptions, MAX_INT } = require('./checks.cjs');
const { describeFd } = require('./describe.cjs');
const { makeDisposable } = require('./dispose.cjs');
const { makeDuplex } = require('./duplex.cjs');
const { check, coded, systemError } = require('./errors.cjs');
const { iterate } = require('./iterate.cjs');
const { checkEmpty, numbersOf, wouldBlock } = require('./passing.cjs');
const { Reader } = require('./reader.cjs');
const { areTooManyUntaken, closeUnlessTaken, whenFewUntaken } = require('./received-fds.cjs');
const { SendQueue } = require('./send-queue.cjs');
const { READABLE, Watch, WRITABLE } = require('./watch.cjs');

const EMSGSIZE = -90;
const ECONNRESET = -104;

/** How long to wait before a retry, if the kernel does not report when to retry. */
const TRY_AGAIN_MS = 10;

function checkSocketOptions(options) {
  const { allowHalfOpen = false, highWaterMark = 65536, maxMessageBytes = 262144 } = checkOptions(options);
  checkBoolean(allowHalfOpen, 'options.allowHalfOpen');
  checkInteger(highWaterMark, 'options.highWaterMark', 0, MAX_INT);
  checkInteger(maxMessageBytes, 'options.maxMessageBytes', 1, MAX_INT);
  return { allowHalfOpen, highWaterMark, maxMessageBytes };
}

/**
 * A Unix socket that sends and receives descriptors with bytes. It owns its descriptor and closes it.
 *
 * Emits 'data' (stream) or 'message' (other types), each with the bytes and the descriptors that came with them,
 * 'end', 'drain', 'error' and 'close'.
 */
class FdSocket extends EventEmitter {
  #fd;
  #type;
  #watch;
  #reader;
  #queue;
  #event;
  #allowHalfOpen;
  #highWaterMark;
  /** As in Node's streams: null means neither resumed nor paused. */
  #flowing = null;
  #kicked = false;
  #needDrain = false;
  /** Whether reading has ended, whether sending has ended, and whether to close after everything is sent. */
  #readEnded = false;
  #writeEnded = false;
  #closing = false;
  #destroyed = false;
  /** Whether 'close' was emitted. */
  #closed = false;
  #retry;
  /** The peer has closed without reading everything (ECONNRESET). What it sent before can still be read. */
  #reset;
  #duplex;

  constructor(fd, options) {
    super();
    const { allowHalfOpen, highWaterMark, maxMessageBytes } = checkSocketOptions(options);
    this.#allowHalfOpen = allowHalfOpen;
    this.#highWaterMark = highWaterMark;
    const { kind, family, type, listening } = describeFd(checkFd(fd));
    if (kind !== 'socket' || family !== 'Unix' || listening) {
      const what = listening ? 'a listening socket' : `a ${kind === 'socket' ? `socket of family ${family}` : kind}`;
      throw coded(TypeError, 'ERR_INVALID_FD_TYPE', `An FdSocket needs a Unix socket, but descriptor ${fd} is ${what}`);
    }
    this.#fd = fd;
    this.#type = type;
    this.#event = type === 'stream' ? 'data' : 'message';
    this.#reader = new Reader(type, maxMessageBytes);
    this.#watch = new Watch(fd, (readable, writable) => this.#onReady(readable, writable));
    this.#queue = new SendQueue(this.#watch, type);
  }

  /** The descriptor, while the socket is open. */
  get fd() {
    return this.#destroyed ? undefined : this.#fd;
  }

  get type() {
    return this.#type;
  }

  get destroyed() {
    return this.#destroyed;
  }

  /** The size of what waits to be sent: its bytes, plus 1024 for each descriptor. */
  get writableLength() {
    return this.#queue.weight;
  }

  get writableHighWaterMark() {
    return this.#highWaterMark;
  }

  /** Whether 'drain' will be emitted. */
  get writableNeedDrain() {
    return this.#needDrain;
  }

  /** The credentials of the process that made the other end: `{ pid, uid, gid }`. */
  get peerCredentials() {
    return this.#destroyed ? undefined : (check(this.#watch.peer, 'getsockopt') ?? undefined);
  }

  /**
   * Sends bytes, with descriptors. The caller keeps the descriptors and may close them at once. The bytes are not
   * copied, and must not change until the callback is called. Returns false for backpressure: wait for 'drain' before
   * sending more.
   */
  send(data, handles, callback) {
    if (typeof handles === 'function') return this.send(data, undefined, handles);
    if (callback !== undefined) checkFunction(callback, 'callback');
    const fds = handles === undefined ? undefined : numbersOf(Array.isArray(handles) ? handles : [handles], 'handles');
    const bytes = toBytes(data);
    checkEmpty(bytes, data, () => this.#type);
    if (this.#destroyed || this.#writeEnded) return this.#refuse(callback);
    const error = this.#queue.send(bytes, fds?.length > 0 ? fds : undefined, callback);
    if (error) this.destroy(error);
    else if (!this.#queue.isEmpty) this.#wait();
    this.#needDrain ||= this.#queue.weight > 0 && this.#queue.weight >= this.#highWaterMark;
    return !this.#needDrain && !this.#destroyed;
  }

  #refuse(callback) {
    const [code, why] = this.#destroyed
      ? ['ERR_STREAM_DESTROYED', 'Cannot call send after the socket was destroyed']
      : ['ERR_STREAM_WRITE_AFTER_END', 'Cannot call send after end'];
    const error = coded(Error, code, why);
    if (callback) process.nextTick(callback, error);
    else if (!this.#destroyed) this.destroy(error);
    return false;
  }

  /** Ends the sending direction after everything is sent. Arguments are sent first, as by `send`. */
  end(data, handles, callback) {
    if (data !== undefined) this.send(data, handles, callback);
    if (this.#writeEnded || this.#destroyed) return this;
    this.#writeEnded = true;
    if (this.#queue.isEmpty) this.#finish();
    return this;
  }

  /** Closes the socket after everything is sent. Stops receiving at once. */
  close(callback) {
    if (callback !== undefined) this.#whenClosed(checkFunction(callback, 'callback'));
    if (this.#destroyed) return this;
    this.#closing = true;
    this.#readEnded = true;
    return this.#writeEnded && this.#queue.isEmpty ? this.destroy() : this.end();
  }

  #whenClosed(callback) {
    if (this.#closed) process.nextTick(callback);
    else this.once('close', () => callback());
  }

  /** Closes the socket at once. Discards what was not sent. */
  destroy(error) {
    if (this.#destroyed) return this;
    this.#destroyed = true;
    this.#watch.close();
    this.#queue.drop(error ?? coded(Error, 'ERR_STREAM_DESTROYED', 'The socket was destroyed before this was sent'));
    process.nextTick(() => {
      try {
        if (error) this.emit('error', error);
      } finally {
        this.#closed = true;
        this.emit('close', error !== undefined);
      }
    });
    return this;
  }

  pause() {
    this.#flowing = false;
    this.#wait();
    return this;
  }

  resume() {
    this.#flowing = true;
    this.#kick();
    return this;
  }

  isPaused() {
    return this.#flowing === false;
  }

  /** Keeps the process alive while the socket waits. This is the default. */
  ref() {
    this.#watch.referred = true;
    return this;
  }

  unref() {
    this.#watch.referred = false;
    return this;
  }

  on(event, listener) {
    super.on(event, listener);
    if (event === this.#event && this.#flowing === null) this.resume();
    return this;
  }

  addListener(event, listener) {
    return this.on(event, listener);
  }

  /** Returns the socket as a Duplex, for `pipeline` and other stream functions. Returns the same object each time. */
  toDuplex() {
    if (this.#duplex === undefined) {
      const options = { allowHalfOpen: this.#allowHalfOpen, highWaterMark: this.#highWaterMark };
      this.#duplex = makeDuplex(this, this.#event, options);
      // The Duplex ends the sending direction after everything was read, not when the end arrives.
      this.#allowHalfOpen = true;
    }
    return this.#duplex;
  }

  /** Iterates over messages, or chunks of the stream. */
  [Symbol.asyncIterator]() {
    return iterate(this, this.#event, this.#allowHalfOpen);
  }

  /** Reads in the next tick, after the caller has added its listeners. */
  #kick() {
    if (this.#kicked || this.#destroyed) return;
    this.#kicked = true;
    this.#wait();
    process.nextTick(() => {
      this.#kicked = false;
      this.#read();
    });
  }

  #readLater() {
    if (this.#kicked) return;
    this.#kicked = true;
    whenFewUntaken(() => {
      this.#kicked = false;
      this.#watch.inScope(() => this.#read());
    });
  }

  #onReady(readable, writable) {
    if (writable) this.#write();
    if (readable) this.#read();
  }

  /** Reads while data is available and wanted, up to a limit, so that other sockets get a turn. */
  #read() {
    const reader = this.#reader;
    try {
      for (let left = reader.turn; left > 0 && this.#isReading; left -= reader.length + reader.each) {
        if (areTooManyUntaken()) return this.#readLater();
        const result = reader.read(this.#watch);
        if (wouldBlock(result)) return;
        // Reported once, and on packet sockets before the data that the peer sent.
        if (result === ECONNRESET && this.#reset === undefined) {
          this.#reset = systemError(result, 'recvmsg');
          continue;
        }
        if (result < 0) return void this.destroy(systemError(result, 'recvmsg'));
        if (reader.isCut) return this.#tooLong();
        if (reader.isEnd) return this.#onEnd();
        this.#deliver();
        if (reader.isDrained) return;
      }
    } finally {
      // Also after a listener threw.
      this.#wait();
    }
  }

  get #isReading() {
    return this.#flowing === true && !this.#readEnded && !this.#destroyed;
  }

  #deliver() {
    const { data, fds } = this.#reader;
    try {
      this.emit(this.#event, data, fds);
    } finally {
      closeUnlessTaken(fds);
    }
  }

  #tooLong() {
    this.#reader.fds.close();
    this.destroy(systemError(EMSGSIZE, 'recvmsg'));
  }

  #onEnd() {
    if (this.#reset) return void this.destroy(this.#reset);
    this.#readEnded = true;
    try {
      this.emit('end');
    } finally {
      if (this.#writeEnded && this.#queue.isEmpty) this.destroy();
      else if (!this.#allowHalfOpen) this.close();
    }
  }

  #write() {
    if (this.#destroyed) return;
    const error = this.#queue.flush();
    if (error) return void this.destroy(error);
    this.#wait();
    if (!this.#queue.isEmpty) return;
    if (this.#writeEnded) return this.#finish();
    if (this.#needDrain) {
      this.#needDrain = false;
      this.emit('drain');
    }
  }

  /** Ends the sending direction, after everything is sent. */
  #finish() {
    if (this.#closing || this.#readEnded) return void this.destroy();
    const result = this.#watch.end();
    // The peer has closed already.
    if (result < 0) this.destroy();
  }

  /** Arms the socket for the next events that matter. */
  #wait() {
    if (this.#destroyed) return;
    const sending = !this.#queue.isEmpty;
    const reading = this.#isReading;
    this.#watch.waiting = sending || reading;
    // If a read is scheduled (#kicked), it needs no READABLE event.
    const stuck = sending && this.#queue.isStuck;
    if (stuck) this.#sendLater();
    const events = (sending && !stuck ? WRITABLE : 0) | (reading && !this.#kicked ? READABLE : 0);
    const result = events === 0 ? 0 : this.#watch.arm(events);
    if (result < 0) this.destroy(systemError(result, 'epoll_ctl'));
  }

  #sendLater() {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.#write();
    }, TRY_AGAIN_MS).unref();
  }
}

makeDisposable(
  FdSocket.prototype,
  function () {
    this.destroy();
  },
  function () {
    return new Promise((resolve) => this.close(resolve));
  },
);

module.exports = { FdSocket, checkSocketOptions };
