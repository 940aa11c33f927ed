/// <reference types="node" />
/// <reference lib="esnext.disposable" />

import type { ChildProcess, ForkOptions } from 'node:child_process';
import type { Worker } from 'node:cluster';
import type { Socket as DgramSocket } from 'node:dgram';
import type { EventEmitter } from 'node:events';
import type { Server, Socket } from 'node:net';
import type { Duplex, Readable, Writable } from 'node:stream';

// Forking

/** The options of `child_process.fork`, without `execPath`: the program itself is what runs. */
export type ProgramForkOptions = Omit<ForkOptions, 'execPath'>;

/**
 * Starts a program with an IPC channel, as `child_process.fork` starts a module. Use it to run a Rust worker.
 *
 * @param binary the program. A path with a slash is relative to the folder of this process; a name without one is looked up
 *   on the PATH.
 * @param args its arguments
 * @param options the options of `child_process.fork`
 * @returns an ordinary ChildProcess: `send`, `'message'`, `disconnect`
 * @throws `ENOENT`, `EACCES` or `ENOEXEC` if the program cannot be started, with the reason
 * @throws `ERR_CHILD_PROCESS_IPC_REQUIRED` if `options.stdio` has no `'ipc'`
 * @example
 * const worker = fork('./target/release/worker');
 * worker.on('message', (sum) => console.log(sum));
 * worker.send([1, 2, 3]);
 */
export function fork(binary: string | URL, args?: readonly string[], options?: ProgramForkOptions): ChildProcess;
export function fork(binary: string | URL, options?: ProgramForkOptions): ChildProcess;

/**
 * Starts a program as a worker of Node's own `cluster`, beside workers in Node.
 *
 * @param binary the program, as for `fork`
 * @param args its arguments. The first one takes the place of the module that cluster passes to each worker. Without any, the
 *   program gets one empty argument.
 * @param env variables for its environment, as for `cluster.fork`
 * @returns an ordinary Worker of `node:cluster`, with its events
 * @throws `ERR_CROSSFORK_NOT_PRIMARY` in a worker
 * @throws `ENOENT`, `EACCES` or `ENOEXEC` if the program cannot be started
 * @example
 * clusterFork('./target/release/web', ['127.0.0.1:8000']);
 */
export function clusterFork(binary: string | URL, args?: readonly string[], env?: NodeJS.ProcessEnv): Worker;

/**
 * The path of the `crossfork` command that is part of this package.
 *
 * @throws `ERR_CROSSFORK_NOT_BUILT` if there is none for this platform
 * @example
 * const worker = fork(crossforkPath(), ['worker']); // the ready-made worker
 */
export function crossforkPath(): string;

// Descriptors

/**
 * Anything that has a file descriptor: its number, a socket, a server, a pipe (such as the streams of a child process), a
 * FileHandle, or any object with an `fd`.
 */
export type HasFd = number | Socket | Server | DgramSocket | Readable | Writable | { readonly fd: unknown };

/**
 * The number of an object's descriptor. The descriptor stays the object's: do not close it.
 *
 * @param object what has the descriptor
 * @returns the number, which is open
 * @throws `ERR_CROSSFORK_NO_FD` if the object has none: it is closed, or not connected yet
 * @throws `EBADF` if the number is not open
 * @example
 * const fd = fdOf(server);
 */
export function fdOf(object: HasFd): number;

/**
 * Makes the right object for a descriptor: a `net.Socket` for a connection or pipe, a `net.Server` that listens, a
 * `dgram.Socket`. The object owns the descriptor, and closes it.
 *
 * @param fd a descriptor that nothing else owns
 * @returns the object. For anything else, and in Bun for a pipe, the number: then it stays yours.
 * @throws `EEXIST` if the descriptor belongs to an FdSocket or FdServer. If this throws, the descriptor stays yours.
 * @example
 * const [fd] = fds; // what came with a message
 * const client = adopt(fd);
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

/** What a descriptor is. `kind` tells sockets from the rest, and `family` tells kinds of sockets apart. */
export type FdDescription = IpSocketDescription | UnixSocketDescription | OtherSocketDescription | OtherDescription;

/**
 * Says what a descriptor is, and how it is set. Its owner stays the same.
 *
 * @param fd the descriptor, or what has it
 * @throws `EBADF` if it is not open
 * @example
 * if (describeFd(fd).kind === 'memfd') console.log(mapFd(fd).length);
 */
export function describeFd(fd: HasFd): FdDescription;

/**
 * Makes another descriptor for the same open file. It is close-on-exec.
 *
 * @param fd the descriptor, or what has it
 * @returns the new descriptor, which you close
 * @throws `EMFILE` if this process may have no more
 * @example
 * const copy = dup(socket);
 */
export function dup(fd: HasFd): number;

/**
 * Closes a descriptor that nothing else owns. Close an FdSocket or FdServer by its own method.
 *
 * @param fd its number
 * @throws `EBADF` if it is not open
 */
export function closeFd(fd: number): void;

/**
 * Decides whether programs that this process starts inherit the descriptor.
 *
 * @param fd the descriptor, or what has it
 * @param on true, the default: they do not
 * @throws `EBADF` if it is not open
 */
export function setCloexec(fd: HasFd, on?: boolean): void;

/**
 * Decides whether calls on the descriptor wait. The flag belongs to the open file: all who share it are affected.
 *
 * @param fd the descriptor, or what has it
 * @param on true, the default: they do not wait
 * @throws `EBADF` if it is not open
 */
export function setNonblocking(fd: HasFd, on?: boolean): void;

export interface MemfdOptions {
  /** What can no longer be done to it: shrink, grow, write, add seals. None by default. */
  seals?: readonly ('shrink' | 'grow' | 'write' | 'seal')[];
}

/**
 * Makes a file in memory.
 *
 * @param name its name in `/proc`, of 249 bytes at most
 * @param data its contents
 * @param options its seals
 * @returns its descriptor, which you close
 * @throws `ERR_OUT_OF_RANGE` if the name is too long
 * @example
 * const fd = memfd('frame', pixels, { seals: ['shrink', 'grow'] });
 */
export function memfd(name: string, data?: string | NodeJS.ArrayBufferView, options?: MemfdOptions): number;

/**
 * Maps the memory of a memfd: a Buffer that is shared with all who map it. It is unmapped by `unmap`, by `using`, or by
 * garbage collection. The memfd is sealed against shrinking. If it is read-only, changes of the Buffer stay in this process.
 *
 * @param fd the memfd. It stays yours, and you may close it at once.
 * @throws `ERR_INVALID_FD_TYPE` if it is not a memfd
 * @throws `ERR_CROSSFORK_TOO_MANY_MAPPINGS` if this process has mapped half of what Linux lets it map (`vm.max_map_count`)
 * @example
 * const memory = mapFd(fd);
 * memory[0] = 1; // every process that maps it sees this
 */
export function mapFd(fd: HasFd): Buffer & Disposable;

/**
 * Unmaps what `mapFd` has mapped, at once. The Buffer, and every view of its memory, is empty then. Calling it again does
 * nothing. Do not call it while `fs.write`, `zlib` and the like work with the bytes.
 *
 * @param buffer the Buffer, or another view of its memory
 * @throws `ERR_INVALID_STATE` if the memory was transferred, or if the runtime knows that it is in use (Bun)
 */
export function unmap(buffer: NodeJS.ArrayBufferView): void;

export interface ListenFd {
  /** `unknown` if it has no name. */
  name: string;
  fd: number;
}

/**
 * Socket activation: takes the descriptors that systemd has passed (`LISTEN_FDS`, `LISTEN_PID`, `LISTEN_FDNAMES`). The variables are
 * removed, and the next call returns an empty list.
 *
 * Under `npm start` there are none, and a warning says so: `LISTEN_PID` is npm's, which does not pass descriptors on. Let systemd
 * start `node server.js` itself.
 *
 * @returns the descriptors with their names, which you close, or give to `adopt`
 * @example
 * for (const { fd } of listenFds()) http.createServer(app).listen({ fd });
 */
export function listenFds(): ListenFd[];

// Passing descriptors

export type UnixSocketType = 'stream' | 'seqpacket' | 'dgram';

/**
 * Makes two Unix sockets that are connected with each other. They are non-blocking and close-on-exec.
 *
 * @param options `type` is `stream` by default
 * @returns their descriptors, which you close, or give to `new FdSocket`
 * @throws `EMFILE` if this process may have no more descriptors
 * @example
 * const [ours, theirs] = socketpair({ type: 'seqpacket' });
 */
export function socketpair(options?: { type?: UnixSocketType }): [number, number];

/**
 * Sends bytes and descriptors over a Unix socket, in one system call. `FdSocket` does this for you, and waits where it must.
 *
 * @param socket a Unix socket
 * @param data the bytes: at least one on a stream
 * @param fds what to send: it stays yours, and you may close it at once
 * @returns how many bytes were sent: on a stream perhaps not all. null if it would have to wait; then nothing was sent.
 * @throws `ERR_CROSSFORK_TLS_SOCKET` for a TLSSocket: its descriptor is the bare connection. `fdOf(socket)` insists.
 * @throws `ERR_CROSSFORK_UNREAD_BYTES` for a stream with bytes that nobody has read. `fdOf(socket)` insists.
 * @throws `EPIPE` if the peer is gone
 * @example
 * if (sendFds(socket, 'a file', [fd]) === null) console.log('try again later');
 */
export function sendFds(socket: HasFd, data: string | NodeJS.ArrayBufferView, fds?: readonly HasFd[]): number | null;

export interface RecvFdsOptions {
  /** 65536 by default. */
  maxBytes?: number;
  /** 253 by default, the maximum of Linux. */
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

/**
 * Receives bytes and descriptors from a Unix socket, in one system call.
 *
 * @param socket a Unix socket
 * @param options bounds
 * @returns what came; null if it would have to wait
 * @throws `ECONNRESET` if the peer ended with bytes unread
 * @example
 * const received = recvFds(socket);
 * for (const fd of received?.fds ?? []) closeFd(fd);
 */
export function recvFds(socket: HasFd, options?: RecvFdsOptions): Received | null;

/**
 * The descriptors that came with a message. What you take is yours, and you close it. The rest is closed at the end of this turn
 * of the event loop, or when a `for await` over the socket goes on. It is still there after `await once(socket, 'message')`. Before
 * any other `await`, take what you need.
 *
 * @example
 * socket.on('message', (data, fds) => {
 *   const [input, output] = fds; // takes two
 * });
 */
export interface ReceivedFds extends Iterable<number>, Disposable {
  /** How many can still be taken. */
  readonly length: number;
  /** Some were lost: this process may not have more. */
  readonly lost: boolean;
  /** Takes the next one. Undefined if there is none. */
  take(): number | undefined;
  /** Takes all that are left. */
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
 * A Unix socket over which descriptors travel with the bytes. It owns its descriptor, and closes it. `using` destroys it.
 * `await using` closes it when everything is sent.
 *
 * To take one message after the other, use `for await`. With `once` in a loop, messages that come between two calls are lost, as with
 * any stream.
 *
 * @example
 * const socket = connect('/run/app/control.sock', { type: 'seqpacket' });
 * socket.send('here is a file', openSync('data.bin', 'r'));
 * for await (const { data, fds } of socket) {
 *   console.log(String(data), fds.length);
 * }
 */
export class FdSocket extends EventEmitter implements Disposable, AsyncDisposable {
  /**
   * Takes the descriptor over, unless it throws.
   *
   * @param fd a connected Unix socket, or a bound one for datagrams
   * @param options bounds
   * @throws `EEXIST` if the descriptor belongs to another FdSocket or FdServer of this process
   * @throws `ERR_INVALID_FD_TYPE` if it is not a Unix socket, or if it listens
   */
  constructor(fd: number, options?: FdSocketOptions);
  /** While it is open. */
  readonly fd: number | undefined;
  readonly type: UnixSocketType;
  readonly destroyed: boolean;
  /** How much waits to be sent. */
  readonly writableLength: number;
  readonly writableHighWaterMark: number;
  /** `send` has returned false: `'drain'` will come. */
  readonly writableNeedDrain: boolean;
  /** The user, group and process that connected, as the kernel says, while the socket is open. Datagrams have it only in a pair. */
  readonly peerCredentials: PeerCredentials | undefined;
  /**
   * Sends bytes, with descriptors.
   *
   * @param data the bytes. They are not copied: do not change them before the callback.
   * @param handles what to send with them. It stays yours, and you may close it at once.
   * @param callback gets the error, or null when the kernel has taken everything. Without a callback, an error ends the socket.
   * @returns false if too much is queued (backpressure): wait for `'drain'`
   * @throws as `sendFds` does, for handles that cannot be sent
   * @example
   * if (!socket.send(frame, fd)) await once(socket, 'drain');
   */
  send(
    data: string | NodeJS.ArrayBufferView,
    handles?: HasFd | readonly HasFd[],
    callback?: (error: NodeJS.ErrnoException | null) => void,
  ): boolean;
  send(data: string | NodeJS.ArrayBufferView, callback: (error: NodeJS.ErrnoException | null) => void): boolean;
  /** Ends the sending side after everything that is queued. The arguments are sent first, as by `send`. */
  end(
    data?: string | NodeJS.ArrayBufferView,
    handles?: HasFd | readonly HasFd[],
    callback?: (error: NodeJS.ErrnoException | null) => void,
  ): this;
  /** Closes when everything that is queued is sent. Nothing more is received. */
  close(callback?: () => void): this;
  /** Closes at once. What is queued is lost. */
  destroy(error?: Error): this;
  pause(): this;
  resume(): this;
  isPaused(): boolean;
  /** Keeps the process alive while the socket is open. This is the default. */
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
   * The socket as a Duplex, for `pipeline` and everything that works with streams. Each call returns the same one. A stream socket carries
   * bytes. With packets, each chunk is a message (object mode). Descriptors go to listeners of the socket itself.
   */
  toDuplex(): Duplex;
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
  /**
   * Iterates over messages. Descriptors that you do not take are closed when the loop goes on. Leaving the loop destroys the socket. The
   * loop ends when the socket has closed; with `allowHalfOpen`, when the peer has ended.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<{ data: Buffer; fds: ReceivedFds }>;
}

/**
 * Connects to a Unix socket, at once.
 *
 * @param path a path, or an abstract name, which begins with a zero byte
 * @param options the `type` (`stream` by default), and bounds
 * @throws `ENOENT` or `ECONNREFUSED` if nobody listens
 * @throws `EAGAIN` if the server's queue is full
 * @example
 * const socket = connect('/run/app/control.sock');
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
 * A server on a Unix socket. It owns its path, and removes it when it closes or when its worker thread ends, unless the path is another
 * file by then. `using` closes it.
 */
export class FdServer extends EventEmitter implements Disposable, AsyncDisposable {
  /**
   * @param path a path, or an abstract name, which begins with a zero byte
   * @param options the type of its sockets, and bounds
   * @throws `EADDRINUSE` if the path exists
   */
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

/**
 * Listens on a Unix socket, at once.
 *
 * @param path a path, or an abstract name, which begins with a zero byte
 * @param options the type of its sockets, and bounds
 * @param listener gets each connection
 * @throws `EADDRINUSE` if the path exists
 * @example
 * const server = createFdServer('/run/app/control.sock', (socket) => {
 *   socket.on('data', (data, fds) => console.log(String(data), fds.takeAll()));
 * });
 */
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
  /** Sends the handle even to an end that has not said that it knows handles, and that may leave it open. */
  handleToAnyPeer?: boolean;
  /** The result is `{ result, handle }`, with the handle that came with it. Otherwise such a handle is closed. */
  takesHandle?: boolean;
  /** A W3C trace context, which the handler finds as `cx.traceparent`. */
  traceparent?: string;
}

/** What `process.send` can send. */
export type SendHandle = import('node:child_process').SendHandle;

/**
 * Calls a method with one value, or with a list of arguments. An async iterable, a generator or a `Readable` is an upload: the
 * handler reads its items as they come. It can be the value, a member of the only object, or an argument. When nobody reads it any
 * more it is closed at once: a `Readable` is destroyed, and of any other iterator `return` is called.
 */
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
  /**
   * A result that brings a handle: `return cx.withHandle(result, socket)`. To an end that has not said that it knows handles the
   * call fails instead, unless `toAnyPeer` is set. The handle is closed if the answer cannot be sent.
   */
  withHandle(result: unknown, handle: SendHandle, options?: { toAnyPeer?: boolean }): unknown;
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
  readonly notify: NotifyFunction<{ handle?: SendHandle; handleToAnyPeer?: boolean }>;
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
 * Answers the calls of the process that has forked this one. Call it once, in a worker.
 *
 * @param methods what the parent can call
 * @param options how calls are run
 * @returns the parent, whose methods can be called too
 * @throws `ERR_CALL_NO_CHANNEL` if nobody has forked this process; `ERR_INVALID_STATE` if its calls are answered already
 * @example
 * crossfork.serve({ add: ({ a, b }: { a: number; b: number }) => a + b }, { concurrency: 4 });
 */
export function serve(methods: Handlers, options?: ServeOptions): Peer;

/**
 * Makes calls over the channel of a process that was forked by `child_process.fork`, by `fork` or by a cluster, or over
 * this process's own.
 *
 * @param target the process
 * @param options what it may call here
 * @returns the other end
 * @throws `ERR_INVALID_STATE` the second time for the same process
 * @example
 * const peer = crossfork.connectCalls(crossfork.fork('./worker'));
 * const sum = await peer.call<number>('add', { a: 1, b: 2 }, { timeout: 1000 });
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
  /**
   * How many calls may wait; more are rejected with `ERR_QUEUE_FULL`. One that waits for a worker that is only starting does
   * not count. Without a limit by default.
   */
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

/**
 * One worker of a pool. Each has CROSSFORK_WORKER_ID in its environment: its place, from 1 on. The worker that replaces it has
 * the same one, and for a while both are there.
 */
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
  /**
   * Starts the workers. `file` is a path, or a URL or its text, as `import.meta.resolve` gives it. Throws if there is no such
   * file, or if it is not told whether it is a script or a program.
   */
  constructor(file: string | URL, options?: PoolOptions);
  readonly call: CallFunction<PoolCallOptions>;
  readonly stream: StreamFunction<PoolCallOptions>;
  /** Tells every worker that is ready; with a `key` the worker of that key. */
  readonly notify: NotifyFunction<{ handle?: SendHandle; handleToAnyPeer?: boolean; key?: string | number }>;
  readonly workers: PoolWorker[];
  readonly closed: boolean;
  /** As many calls wait as run at a time, or as may wait; 'drain' will come when none waits and one more may. */
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
  /** Calls a method of every worker that is ready, however busy. No parameter can be a stream: only one could read it. */
  callAll<Result = Untyped>(
    method: string,
    params?: unknown,
    options?: CallOptions,
  ): Promise<PromiseSettledResult<Result>[]>;
  /** Rejects what waits with `ERR_CALL_ABORTED`, and leaves what runs. */
  cancelWaiting(reason?: unknown): void;
  /**
   * Replaces all workers by new ones, one after the other. No call fails for it. Rejects with `ERR_POOL_START` if one does
   * not start: then those that are left stay as they are. Rejects with `ERR_POOL_CLOSED` if the pool is closed meanwhile.
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
