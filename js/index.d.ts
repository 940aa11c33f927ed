/// <reference types="node" />
/// <reference lib="esnext.disposable" />

import type { ChildProcess, ForkOptions } from 'node:child_process';
import type { Worker } from 'node:cluster';
import type { Socket as DgramSocket } from 'node:dgram';
import type { EventEmitter } from 'node:events';
import type { Server, Socket } from 'node:net';
import type { Duplex, Readable, Writable } from 'node:stream';

// Forking

/** What `child_process.fork` takes, but for what makes no sense when a program is run in Node's place. */
export type ProgramForkOptions = Omit<ForkOptions, 'execPath'>;

/**
 * Starts a program with a channel, as `child_process.fork` starts a module. A path with a slash is relative to this
 * process's folder; a name without one is looked for on the PATH. What cannot be started is thrown.
 */
export function fork(binary: string | URL, args?: readonly string[], options?: ProgramForkOptions): ChildProcess;
export function fork(binary: string | URL, options?: ProgramForkOptions): ChildProcess;

/**
 * Starts a program as a worker of Node's own cluster. The first of the arguments takes the place of the module that
 * cluster passes to each worker; without any, the program gets one that is empty.
 */
export function clusterFork(binary: string | URL, args?: readonly string[], env?: NodeJS.ProcessEnv): Worker;

/** The path of the `crossfork` command that is part of this package. */
export function crossforkPath(): string;

// Descriptors

/**
 * What has a descriptor: its number, a socket, a server, a pipe (the streams of a child process are some), a
 * FileHandle, anything with an `fd`.
 */
export type HasFd = number | Socket | Server | DgramSocket | Readable | Writable | { readonly fd: unknown };

/** The number of the descriptor that an object has, made sure to be open. It stays the object's. */
export function fdOf(object: HasFd): number;

/**
 * The right object for what a descriptor is, which owns it from then on: a connection or pipe, a server that listens,
 * a UDP socket. Anything else comes back as the number, and stays the caller's, as it does if this throws: `EEXIST` for
 * what belongs to an FdSocket or FdServer. In Bun a pipe stays a number too.
 */
export function adopt(fd: number): Socket | Server | DgramSocket | number;

export interface IpAddress {
  address: string;
  port: number;
  family: 'IPv4' | 'IPv6';
}

export interface FdFlags {
  readable: boolean;
  writable: boolean;
  append: boolean;
  /** Shared with all who have the same open file. */
  nonblocking: boolean;
  cloexec: boolean;
}

interface DescribedSocket {
  fd: number;
  kind: 'socket';
  type: 'stream' | 'seqpacket' | 'dgram' | 'other';
  listening: boolean;
  /** It has a peer, or had one before the connection was reset. */
  connected: boolean;
  flags: FdFlags;
}

export interface IpSocketDescription extends DescribedSocket {
  family: 'IPv4' | 'IPv6';
  local: IpAddress;
  /** The address that it is connected with. */
  remote?: IpAddress;
}

export interface UnixSocketDescription extends DescribedSocket {
  family: 'Unix';
  /** A path. An abstract name begins with a zero byte. None if it is not bound. */
  local?: string;
  /** The path that it is connected with, if that has one. */
  remote?: string;
}

export interface OtherSocketDescription extends DescribedSocket {
  family: 'other';
  local?: undefined;
  remote?: undefined;
}

export interface OtherDescription {
  fd: number;
  kind: 'pipe' | 'file' | 'memfd' | 'directory' | 'terminal' | 'device' | 'other';
  family?: undefined;
  type?: undefined;
  listening?: undefined;
  connected?: undefined;
  local?: undefined;
  remote?: undefined;
  flags: FdFlags;
}

/** What a descriptor is: `kind` tells sockets from the rest, and `family` one kind of sockets from the others. */
export type FdDescription = IpSocketDescription | UnixSocketDescription | OtherSocketDescription | OtherDescription;

/** Says what a descriptor is, and how it is set. It stays whose it is. */
export function describeFd(fd: HasFd): FdDescription;

/** A new descriptor for the same thing, close-on-exec. The caller closes it. */
export function dup(fd: HasFd): number;

/** Closes a descriptor that nothing else owns. */
export function closeFd(fd: number): void;

/** Decides whether programs that are started get the descriptor. */
export function setCloexec(fd: HasFd, on?: boolean): void;

/** Decides whether calls on the descriptor wait, for all who share the open file. */
export function setNonblocking(fd: HasFd, on?: boolean): void;

export interface MemfdOptions {
  /** What can no longer be done to it: become smaller, become larger, change, get more seals. None by default. */
  seals?: readonly ('shrink' | 'grow' | 'write' | 'seal')[];
}

/** A file in memory with these contents. The caller closes it. The name, of 249 bytes at most, is for `/proc` alone. */
export function memfd(name: string, data?: string | NodeJS.ArrayBufferView, options?: MemfdOptions): number;

/**
 * A Buffer over all of a memfd's memory, shared with all who map it. It is unmapped by `unmap`, by `using`, or some time
 * after it is no longer used. The descriptor stays the caller's and can be closed. The memfd is sealed against shrinking;
 * where it can't be written to, what is written to the Buffer stays in it.
 *
 * Throws `ERR_INVALID_FD_TYPE` for what is no memfd, and `ERR_CROSSFORK_TOO_MANY_MAPPINGS` if half as many are mapped as
 * Linux lets this process map (`vm.max_map_count`, usually 65530): more could end it.
 */
export function mapFd(fd: HasFd): Buffer & Disposable;

/**
 * Unmaps at once what `mapFd` has mapped: the Buffer, or any other view of its memory, is empty from then on. Nothing that
 * works with its bytes in the background (`fs.write`, `zlib`) may still be at it. It can be called again. Throws
 * `ERR_INVALID_STATE` if the memory was transferred, for then it is its new owner's, or where the runtime knows that it is
 * in use (Bun).
 */
export function unmap(buffer: NodeJS.ArrayBufferView): void;

export interface ListenFd {
  /** `unknown` if it has no name. */
  name: string;
  fd: number;
}

/**
 * Socket activation: the descriptors that LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES tell of. The caller owns them. The
 * variables are removed, and the second time there is none.
 *
 * None are for this process, and a warning says so, where LISTEN_PID is another's: under `npm start` it is npm's, which
 * does not pass descriptors on. Have systemd start `node server.js` itself.
 */
export function listenFds(): ListenFd[];

// Passing descriptors

export type UnixSocketType = 'stream' | 'seqpacket' | 'dgram';

/** Two sockets that are connected with each other, non-blocking and close-on-exec. The caller closes both. */
export function socketpair(options?: { type?: UnixSocketType }): [number, number];

/**
 * Sends once. Returns how many bytes were sent, which on a stream may be fewer than there are, and null if it would
 * have to wait: then nothing was sent. What is sent stays the caller's, who may close it at once.
 *
 * Throws `ERR_CROSSFORK_TLS_SOCKET` for a TLSSocket, whose descriptor is the bare connection, and
 * `ERR_CROSSFORK_UNREAD_BYTES` for a stream that has bytes which nobody has consumed yet. To insist, pass `fdOf(socket)`.
 */
export function sendFds(socket: HasFd, data: string | NodeJS.ArrayBufferView, fds?: readonly HasFd[]): number | null;

export interface RecvFdsOptions {
  /** 65536 by default. */
  maxBytes?: number;
  /** 253 by default, which is the most that a message can have. */
  maxFds?: number;
}

export interface Received {
  data: Buffer;
  /** The caller closes them. */
  fds: number[];
  /** There were more than `maxFds`, which are closed, or more than this process may have. */
  fdsLost: boolean;
  /** The message was longer than `maxBytes`, and its end is lost. */
  cut: boolean;
  /** Nothing was received, and nothing will be. */
  end: boolean;
}

/** Receives once. Returns null if it would have to wait. */
export function recvFds(socket: HasFd, options?: RecvFdsOptions): Received | null;

/**
 * The descriptors that came with a message. One that is taken is the taker's, who closes it; the others are closed at
 * the end of this turn of the event loop, so that they can be taken behind `await once(socket, 'message')`, or when a
 * loop over the socket goes on. Whoever has to wait for something else first takes them before.
 */
export interface ReceivedFds extends Iterable<number>, Disposable {
  /** How many can still be taken. */
  readonly length: number;
  /** Some did not make it, for this process may not have more. */
  readonly lost: boolean;
  /** Takes the next one. */
  take(): number | undefined;
  takeAll(): number[];
  /** Takes one with each step: `const [input, output] = fds` takes two. */
  [Symbol.iterator](): IterableIterator<number>;
  /** Closes those that were not taken. */
  close(): void;
}

export interface PeerCredentials {
  pid: number;
  uid: number;
  gid: number;
}

export interface FdSocketOptions {
  /** Do not close when the peer has ended. */
  allowHalfOpen?: boolean;
  /** When `send` returns false: 65536 bytes by default. A descriptor that waits counts for 1024. */
  highWaterMark?: number;
  /** A longer message ends a packet socket with EMSGSIZE: 262144 by default. */
  maxMessageBytes?: number;
}

export interface FdSocketEvents {
  /** On a stream: some bytes, and the descriptors that rode on them. */
  data: [data: Buffer, fds: ReceivedFds];
  /** On packets and datagrams. */
  message: [data: Buffer, fds: ReceivedFds];
  end: [];
  drain: [];
  error: [error: NodeJS.ErrnoException];
  close: [hadError: boolean];
}

/**
 * A Unix socket over which descriptors travel with the bytes. It owns its descriptor, and closes it. `using` destroys it;
 * `await using` closes it when all is sent.
 *
 * To take one message after the other, use `for await`: it waits with the next one. With `once` in a loop, as with any
 * stream, messages that come while nobody listens are lost.
 */
export class FdSocket extends EventEmitter implements Disposable, AsyncDisposable {
  /**
   * Takes the descriptor over, unless it throws: `EEXIST` if it belongs to another FdSocket or FdServer of this process
   * already, `ERR_INVALID_FD_TYPE` if it is no Unix socket or listens.
   */
  constructor(fd: number, options?: FdSocketOptions);
  /** While it is open. */
  readonly fd: number | undefined;
  readonly type: UnixSocketType;
  readonly destroyed: boolean;
  /** How much waits to be sent. */
  readonly writableLength: number;
  readonly writableHighWaterMark: number;
  /** 'drain' will come. */
  readonly writableNeedDrain: boolean;
  /** Who made the connection at the other end, while it is open. Of datagrams only a pair knows. */
  readonly peerCredentials: PeerCredentials | undefined;
  /**
   * Sends bytes, with descriptors. The descriptors stay the caller's, who may close them at once. The bytes are not
   * copied, and must stay as they are until the callback is called. Returns false if so much waits already that it is
   * time to wait for 'drain'. What fails goes to the callback; without one it ends the socket. Handles are refused as by
   * `sendFds`.
   */
  send(
    data: string | NodeJS.ArrayBufferView,
    handles?: HasFd | readonly HasFd[],
    callback?: (error: NodeJS.ErrnoException | null) => void,
  ): boolean;
  send(data: string | NodeJS.ArrayBufferView, callback: (error: NodeJS.ErrnoException | null) => void): boolean;
  /** Tells the peer, after all that was sent, that no more will come. What is given is sent first, as with `send`. */
  end(
    data?: string | NodeJS.ArrayBufferView,
    handles?: HasFd | readonly HasFd[],
    callback?: (error: NodeJS.ErrnoException | null) => void,
  ): this;
  /** Closes, after all that was sent. Nothing more is received. */
  close(callback?: () => void): this;
  /** Closes at once. */
  destroy(error?: Error): this;
  pause(): this;
  resume(): this;
  isPaused(): boolean;
  /** The process stays alive while the socket waits. That is so from the beginning. */
  ref(): this;
  unref(): this;
  on<Name extends keyof FdSocketEvents>(event: Name, listener: (...args: FdSocketEvents[Name]) => void): this;
  once<Name extends keyof FdSocketEvents>(event: Name, listener: (...args: FdSocketEvents[Name]) => void): this;
  off<Name extends keyof FdSocketEvents>(event: Name, listener: (...args: FdSocketEvents[Name]) => void): this;
  addListener<Name extends keyof FdSocketEvents>(event: Name, listener: (...args: FdSocketEvents[Name]) => void): this;
  removeListener<Name extends keyof FdSocketEvents>(
    event: Name,
    listener: (...args: FdSocketEvents[Name]) => void,
  ): this;
  prependListener<Name extends keyof FdSocketEvents>(
    event: Name,
    listener: (...args: FdSocketEvents[Name]) => void,
  ): this;
  prependOnceListener<Name extends keyof FdSocketEvents>(
    event: Name,
    listener: (...args: FdSocketEvents[Name]) => void,
  ): this;
  emit<Name extends keyof FdSocketEvents>(event: Name, ...args: FdSocketEvents[Name]): boolean;
  /**
   * The socket as a Duplex, the same one each time: for `pipeline` and all that works with streams. Of a stream it carries
   * bytes; of packets each chunk is a message, in both directions (object mode). Descriptors that come in are for who
   * listens to the socket itself.
   */
  toDuplex(): Duplex;
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
  /**
   * Descriptors that were not taken are closed when the loop goes on. Leaving the loop destroys the socket. The loop
   * ends when the socket has closed, all being sent; with `allowHalfOpen`, when the peer has ended.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<{ data: Buffer; fds: ReceivedFds }>;
}

/**
 * Connects, at once, as Unix sockets do: what fails is thrown, EAGAIN too, if as many wait already as the server lets
 * wait. An abstract name begins with a zero byte.
 */
export function connect(path: string, options?: FdSocketOptions & { type?: UnixSocketType }): FdSocket;

export interface FdServerOptions extends FdSocketOptions {
  type?: 'stream' | 'seqpacket';
  /** How many may wait to be accepted: 511 by default. */
  backlog?: number;
}

export interface FdServerEvents {
  connection: [socket: FdSocket];
  error: [error: NodeJS.ErrnoException];
  close: [];
}

/**
 * Listens at a path, which it owns, and removes when it closes, or when its worker thread ends, unless it is another
 * file by then. `using` closes it.
 */
export class FdServer extends EventEmitter implements Disposable, AsyncDisposable {
  constructor(path: string, options?: FdServerOptions);
  /** While it listens. */
  readonly fd: number | undefined;
  readonly listening: boolean;
  /** The path, while it listens. */
  address(): string | null;
  /** Stops listening. Connections that were accepted go on. */
  close(callback?: () => void): this;
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
  ref(): this;
  unref(): this;
  on<Name extends keyof FdServerEvents>(event: Name, listener: (...args: FdServerEvents[Name]) => void): this;
  once<Name extends keyof FdServerEvents>(event: Name, listener: (...args: FdServerEvents[Name]) => void): this;
  off<Name extends keyof FdServerEvents>(event: Name, listener: (...args: FdServerEvents[Name]) => void): this;
  addListener<Name extends keyof FdServerEvents>(event: Name, listener: (...args: FdServerEvents[Name]) => void): this;
  removeListener<Name extends keyof FdServerEvents>(
    event: Name,
    listener: (...args: FdServerEvents[Name]) => void,
  ): this;
  prependListener<Name extends keyof FdServerEvents>(
    event: Name,
    listener: (...args: FdServerEvents[Name]) => void,
  ): this;
  prependOnceListener<Name extends keyof FdServerEvents>(
    event: Name,
    listener: (...args: FdServerEvents[Name]) => void,
  ): this;
  emit<Name extends keyof FdServerEvents>(event: Name, ...args: FdServerEvents[Name]): boolean;
}

/** Listens at a path, at once: what fails is thrown. An abstract name begins with a zero byte. */
export function createFdServer(
  path: string,
  options?: FdServerOptions,
  listener?: (socket: FdSocket) => void,
): FdServer;
export function createFdServer(path: string, listener: (socket: FdSocket) => void): FdServer;

// Calls

/** What comes from the other side: it is whatever it is, and a type argument says more. */
// biome-ignore lint/suspicious/noExplicitAny: as with JSON.parse, nobody could use an unknown value without saying its type
export type Untyped = any;

/** How long and how a call is waited for. */
export interface CallOptions {
  /** Rejects the caller with `ERR_CALL_ABORTED`, and tells the handler. */
  signal?: AbortSignal;
  /** Milliseconds from now, the time in the queue included. Then `ERR_CALL_TIMEOUT`; the handler is told. None by default. */
  timeout?: number;
  /** Called with what the handler reports. Of reports that come faster than they are read the latest is left. */
  onProgress?: (value: Untyped) => void;
  /** A socket or server that goes with the call. What a handler does not take is closed. */
  handle?: SendHandle;
  /** The result is `{ result, handle }`, with the handle that came with it. Otherwise such a handle is closed. */
  takesHandle?: boolean;
  /** A W3C trace context, which the handler finds as `cx.traceparent`. */
  traceparent?: string;
}

/** What `process.send` can send. */
export type SendHandle = import('node:child_process').SendHandle;

/** Calls a method with one value, or with a list of arguments. */
export interface CallFunction<Options> {
  <Result = Untyped>(method: string, params?: unknown, options?: Options): Promise<Result>;
  args<Result = Untyped>(method: string, args: readonly unknown[], options?: Options): Promise<Result>;
}

/** Calls a method whose result is a stream. Leaving the loop cancels the call. */
export interface StreamFunction<Options> {
  <Item = Untyped>(method: string, params?: unknown, options?: Options): AsyncIterableIterator<Item>;
  args<Item = Untyped>(method: string, args: readonly unknown[], options?: Options): AsyncIterableIterator<Item>;
}

/** Tells something, and expects no answer. What is told is handled in order. */
export interface NotifyFunction<Options> {
  (method: string, params?: unknown, options?: Options): void;
  args(method: string, args: readonly unknown[], options?: Options): void;
}

/** The methods of `Api`, as they are called from the other side. */
export type Methods<Api, Options = CallOptions> = {
  [Name in keyof Api]: Api[Name] extends (...args: infer Args) => infer Result
    ? (
        params?: Args extends [infer First, ...unknown[]] ? First : undefined,
        options?: Options,
      ) => Promise<Answer<Result>>
    : Methods<Api[Name], Options>;
};

/** What a caller gets for a handler's result: a promise's value, and all items of a generator. */
export type Answer<Result> =
  Result extends AsyncIterable<infer Item> ? Item[] : Result extends Generator<infer Item> ? Item[] : Awaited<Result>;

/** What a handler knows of the call that it answers. It is the last argument of each handler. */
export interface CallContext {
  readonly method: string;
  /** Aborted when the caller cancels, and when the channel closes. */
  readonly signal: AbortSignal;
  readonly isCancelled: boolean;
  /** When the caller no longer waits, as `Date.now()` counts. */
  readonly deadline: number | undefined;
  readonly traceparent: string | undefined;
  /** The handle that came with the call. Who reads this owns it; otherwise it is closed when the handler ends. */
  readonly handle: Untyped;
  /** The other side, whose methods can be called. */
  readonly peer: Peer;
  /** Reports progress to the caller. */
  progress(value: unknown): void;
  /** A result that brings a handle: `return cx.withHandle(result, socket)`. */
  withHandle(result: unknown, handle: SendHandle): unknown;
}

/**
 * Handlers by name: functions, async functions and generators. Objects inside give their methods longer names: `users.get`.
 * A handler gets the value that it is called with, or each of the arguments, and then the context.
 */
export type Handlers = object;

export interface AnswerOptions {
  /** How many calls run at a time; others wait. Without a limit by default, and a pool gives a worker one at a time. */
  concurrency?: number;
  /** Calls and notifications run one after another, in the order of their arrival. */
  ordered?: boolean;
  /** Errors travel with their stacks and causes: true by default. */
  stacks?: boolean;
  /** How many items a stream may have for a caller that wants them all at once: 65536 by default. */
  maxCollected?: number;
}

export interface ServeOptions extends AnswerOptions {
  /** Runs before the first call. If it fails, all calls fail with its error. */
  setUp?: () => unknown;
  /** Runs after the last call, when the pool closes or the channel has closed. */
  tearDown?: () => unknown;
}

export interface ConnectOptions extends AnswerOptions {
  /** What the other side may call. */
  methods?: Handlers;
}

export interface PeerEvents {
  /** A message that is no call. A handle that nobody listens for is closed. */
  message: [message: Untyped, handle: Untyped];
  /** The channel is gone, and all that had no answer is rejected. */
  close: [end: { exitCode: number | null; signal: NodeJS.Signals | null }];
}

/** The other end of a channel: whatever speaks JSON-RPC 2.0 in its messages. */
export class Peer extends EventEmitter implements Disposable {
  private constructor();
  readonly call: CallFunction<CallOptions>;
  readonly stream: StreamFunction<CallOptions>;
  readonly notify: NotifyFunction<{ handle?: SendHandle }>;
  readonly connected: boolean;
  /** How many of our calls have no answer yet. */
  readonly inFlight: number;
  /** The other side's methods as an object, nested as they are. */
  methods<Api = Untyped>(): Methods<Api>;
  /**
   * Waits until the other side's set-up is done, and says what it offers. It must answer at all: what does not speak
   * JSON-RPC never does, so give a `timeout`.
   */
  ready(options?: CallOptions): Promise<{ concurrency: number; methods?: string[] }>;
  /** Closes the channel. What has no answer is rejected. */
  close(): void;
  on<Name extends keyof PeerEvents>(event: Name, listener: (...args: PeerEvents[Name]) => void): this;
  once<Name extends keyof PeerEvents>(event: Name, listener: (...args: PeerEvents[Name]) => void): this;
  off<Name extends keyof PeerEvents>(event: Name, listener: (...args: PeerEvents[Name]) => void): this;
  [Symbol.dispose](): void;
}

/**
 * Answers the calls of the process that has forked this one. Returns that process, whose methods can be called too. Throws
 * `ERR_CALL_NO_CHANNEL` if there is none, and `ERR_INVALID_STATE` if its calls are answered already.
 */
export function serve(methods: Handlers, options?: ServeOptions): Peer;

/**
 * Calls over the channel of a process that was forked (by `child_process.fork`, `fork`, a cluster), or of this process
 * itself. Throws `ERR_INVALID_STATE` the second time for the same process.
 */
export function connectCalls(target: ChildProcess | Worker | NodeJS.Process, options?: ConnectOptions): Peer;

export interface PoolCallOptions extends CallOptions {
  /** Calls with the same key go to the same worker, and wait for it. It moves only to the worker that replaces its own. */
  key?: string | number;
  /** Calls with a higher one go first. 0 by default. */
  priority?: number;
  /** The call may be run so many times again, if its worker dies under it. 0 by default. */
  retries?: number;
}

export interface PoolOptions extends Omit<AnswerOptions, 'concurrency'> {
  /** How many workers: as many as there are processors by default. */
  size?: number;
  /** At least so many, and at most so many: a pool grows with what waits, and shrinks when it is idle. */
  min?: number;
  max?: number;
  /** How long a worker beyond `min` may have nothing to do, in milliseconds: 10,000 by default. */
  idleTimeout?: number;
  /** Starts nothing before the first call. */
  lazy?: boolean;
  /** How many calls a worker has at a time: what it says itself by default, which in `serve` is one. */
  concurrency?: number;
  /** How many calls may wait; more are rejected with `ERR_QUEUE_FULL`. Without a limit by default. */
  maxQueue?: number;
  /** The `timeout` of calls that say none. */
  timeout?: number;
  /** A worker that does not end a cancelled call in so many milliseconds is killed and replaced: 5000 by default. */
  grace?: number;
  /** How long a worker may take to be ready: 30,000 by default. */
  startTimeout?: number;
  /** How long a worker may take to end, before it is killed: 5000 by default. */
  closeTimeout?: number;
  /** Workers are replaced after so many calls, somewhat earlier, so that not all are at once. */
  maxCalls?: number;
  /** Workers are replaced after so many milliseconds, somewhat earlier. */
  maxAge?: number;
  /** Workers with more resident memory are replaced: in bytes, or up to 1 as a part of the machine's. */
  maxMemory?: number;
  /** Priority of the workers' processes, from -20 to 19. */
  nice?: number;
  /** Prepares each worker, before it gets its first call. */
  setUp?: (worker: PoolWorker) => unknown;
  /** What the workers may call. */
  methods?: Handlers;
  /** What the file is: told by its name and its first bytes, unless it is said. */
  exec?: 'script' | 'program';
  /** Arguments for the workers. */
  args?: readonly string[];
  /** What `child_process.fork` takes. `serialization` is `'advanced'` by default, and in Bun and Deno `'json'`. */
  fork?: Omit<ForkOptions, 'signal' | 'timeout' | 'detached'>;
}

/** One worker of a pool. Each has CROSSFORK_WORKER_ID in its environment: its place, from 1 on. */
export interface PoolWorker {
  readonly id: number;
  readonly pid: number;
  readonly process: ChildProcess;
  readonly peer: Peer;
  readonly state: 'starting' | 'ready' | 'retiring' | 'ending' | 'ended';
  /** How many calls it has. */
  readonly running: number;
}

export interface Times {
  count: number;
  min: number;
  mean: number;
  p50: number;
  p90: number;
  p99: number;
  max: number;
}

export interface PoolStats {
  waiting: number;
  running: number;
  /** Workers that have ended although nobody asked them to. */
  restarts: number;
  /** What has become of all calls that have ended. */
  completed: number;
  failed: number;
  timedOut: number;
  aborted: number;
  lost: number;
  refused: number;
  /** The part of the time in which workers had something to do, from 0 to 1. */
  utilization: number;
  /** How long calls waited in the pool and ran at a worker, in milliseconds; percentiles are an eighth too large at most. */
  waitTime: Times;
  runTime: Times;
  workers: {
    id: number;
    pid: number;
    state: PoolWorker['state'];
    running: number;
    concurrency: number;
    completed: number;
    utilization: number;
    /** As it has said last. */
    rss: number | undefined;
    age: number;
  }[];
}

export interface PoolEvents {
  /** A worker has sent what is no call. */
  message: [message: Untyped, handle: Untyped, worker: PoolWorker];
  /** Where nobody listens for 'stderr', it goes to this process's. */
  stdout: [chunk: Buffer, worker: PoolWorker];
  stderr: [chunk: Buffer, worker: PoolWorker];
  /** Nothing waits any more. */
  drain: [];
  workerReady: [worker: PoolWorker];
  workerExit: [worker: PoolWorker, end: { exitCode: number | null; signal: NodeJS.Signals | null }];
  /** A worker did not start. The pool tries again, after a pause that grows. */
  startFailed: [error: Error];
  close: [];
}

/**
 * Workers that are called: scripts that call `serve`, programs in Rust with a `Service`, language servers. An idle pool
 * does not keep the process alive, and a call that has no answer yet does.
 */
export class Pool extends EventEmitter implements AsyncDisposable {
  /** Starts the workers. Throws if there is no such file, or if it is not told whether it is a script or a program. */
  constructor(file: string | URL, options?: PoolOptions);
  readonly call: CallFunction<PoolCallOptions>;
  readonly stream: StreamFunction<PoolCallOptions>;
  /** Tells every worker that is ready; with a `key` the worker of that key. */
  readonly notify: NotifyFunction<{ handle?: SendHandle; key?: string | number }>;
  readonly workers: PoolWorker[];
  readonly closed: boolean;
  /** As many calls wait as run at a time, or as may wait; 'drain' will come. */
  readonly needsDrain: boolean;
  methods<Api = Untyped>(): Methods<Api, PoolCallOptions>;
  /** Waits until the least number of workers is ready. Rejects with `ERR_POOL_START` if none can be started. */
  ready(): Promise<void>;
  /** Calls a method once for each value, and gives the results in order. Leaving the loop cancels what has no result. */
  map<Result = Untyped>(
    method: string,
    values: Iterable<unknown> | AsyncIterable<unknown>,
    options?: PoolCallOptions & { inFlight?: number },
  ): AsyncGenerator<Result, void, void>;
  /** Calls a method of every worker that is ready, however busy. */
  callAll<Result = Untyped>(
    method: string,
    params?: unknown,
    options?: CallOptions,
  ): Promise<PromiseSettledResult<Result>[]>;
  /** Rejects what waits with `ERR_CALL_ABORTED`, and leaves what runs. */
  cancelWaiting(reason?: unknown): void;
  /**
   * Replaces all workers by new ones, one after the other. No call fails for it. Rejects with `ERR_POOL_START` if one does
   * not start: then those that are left stay as they are.
   */
  reload(): Promise<void>;
  /** Takes no more calls, waits for those there are, and ends the workers. Says how many had to be killed. */
  close(): Promise<{ killed: number }>;
  /** Rejects all calls with `ERR_POOL_CLOSED`, and kills the workers. */
  destroy(): Promise<{ killed: number }>;
  stats(): PoolStats;
  /** Calls that have no answer yet keep the process alive. That is so from the beginning. */
  ref(): this;
  unref(): this;
  on<Name extends keyof PoolEvents>(event: Name, listener: (...args: PoolEvents[Name]) => void): this;
  once<Name extends keyof PoolEvents>(event: Name, listener: (...args: PoolEvents[Name]) => void): this;
  off<Name extends keyof PoolEvents>(event: Name, listener: (...args: PoolEvents[Name]) => void): this;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What every call can be rejected with. */
export class CallError extends Error {
  protected constructor();
  readonly code?: string | number;
}

/**
 * The other side has answered with an error. `name`, `message`, `code`, `cause` and `data` are the handler's; without a code
 * of its own it is one of `ERR_CALL_UNKNOWN_METHOD`, `ERR_CALL_PARAMETERS`, `ERR_CALL_INTERNAL`, `ERR_CALL_CANCELLED`,
 * `ERR_CALL_INVALID`, or none.
 */
export class RemoteError extends CallError {
  private constructor();
  readonly method: string;
  /** JSON-RPC's `error.code`. */
  readonly rpcCode: number;
  readonly remoteStack?: string;
  readonly data?: Untyped;
}

/** `ERR_CALL_TIMEOUT` */
export class CallTimeoutError extends CallError {
  private constructor();
}

/** `ERR_CALL_ABORTED`; its `cause` is the signal's reason. */
export class CallAbortedError extends CallError {
  private constructor();
}

/** `ERR_WORKER_DIED` */
export class WorkerDiedError extends CallError {
  private constructor();
  /** The call may have begun, and so may have had an effect. Nobody can know more. */
  readonly begun: boolean;
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last of what it wrote, where a pool reads it. */
  readonly stderr: string;
}

/** `ERR_QUEUE_FULL` */
export class QueueFullError extends CallError {
  private constructor();
}

/** `ERR_POOL_CLOSED` */
export class PoolClosedError extends CallError {
  private constructor();
}

/** `ERR_POOL_START`; its `cause` is what the last start has failed with. */
export class PoolStartError extends CallError {
  private constructor();
}
