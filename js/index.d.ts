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
