// Compiled and never run: what users write has the types that they expect, and what is wrong is found.
import { type ChildProcess, spawn } from 'node:child_process';
import type { Worker } from 'node:cluster';
import dgram from 'node:dgram';
import { promises as fs } from 'node:fs';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as crossfork from 'crossfork';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const is = <_ extends true>() => {};

export async function forking(): Promise<void> {
  const child: ChildProcess = crossfork.fork('./worker', ['a'], { serialization: 'advanced', silent: true, cwd: '/' });
  crossfork.fork(new URL('file:///worker'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const worker: Worker = crossfork.clusterFork('./worker', ['a'], { ...process.env, B: 'c' });
  child.send('x');
  worker.send('x');
  is<Same<ReturnType<typeof crossfork.crossforkPath>, string>>();
  // @ts-expect-error the program is what is run
  crossfork.fork('./worker', [], { execPath: '/bin/node' });
  // @ts-expect-error arguments are strings
  crossfork.fork('./worker', [5]);
}

export async function descriptors(): Promise<void> {
  const file = await fs.open('/');
  for (const handle of [5, file, new net.Socket(), net.createServer(), dgram.createSocket('udp4'), { fd: 5 }]) {
    is<Same<ReturnType<typeof crossfork.fdOf>, number>>();
    crossfork.fdOf(handle);
    crossfork.dup(handle);
  }
  const { stdin, stdout } = spawn('cat');
  crossfork.dup(stdin);
  crossfork.describeFd(stdout).connected?.valueOf();
  // @ts-expect-error not a descriptor
  crossfork.fdOf('5');
  // @ts-expect-error only a number can be taken over
  crossfork.adopt(file);
  const adopted = crossfork.adopt(5);
  if (adopted instanceof net.Server) adopted.close();
  else if (adopted instanceof net.Socket) adopted.end();
  else if (typeof adopted === 'number') crossfork.closeFd(adopted);
  else is<Same<typeof adopted, dgram.Socket>>();
  const found = crossfork.describeFd(file);
  if (typeof found.local === 'object') is<Same<typeof found.local.port, number>>();
  is<Same<typeof found.flags.cloexec, boolean>>();
  if (found.kind === 'socket') {
    is<Same<typeof found.listening, boolean>>();
    if (found.family === 'IPv6') is<Same<typeof found.local, crossfork.IpAddress>>();
    if (found.family === 'Unix') is<Same<typeof found.local, string | undefined>>();
  } else {
    is<Same<typeof found.type, undefined>>();
  }
  const memory: Buffer = crossfork.mapFd(crossfork.memfd('name', new Uint8Array(5), { seals: ['shrink', 'write'] }));
  crossfork.unmap(memory);
  {
    using map = crossfork.mapFd(5);
    map.readUInt8(0);
  }
  // @ts-expect-error no such seal
  crossfork.memfd('name', memory, { seals: ['shrunk'] });
  for (const { name, fd } of crossfork.listenFds()) is<Same<[typeof name, typeof fd], [string, number]>>();
}

export async function passing(): Promise<void> {
  const [a, b] = crossfork.socketpair({ type: 'seqpacket' });
  is<Same<ReturnType<typeof crossfork.sendFds>, number | null>>();
  crossfork.sendFds(a, 'x', [5, net.createServer()]);
  const received = crossfork.recvFds(b, { maxBytes: 5, maxFds: 1 });
  // @ts-expect-error it may be null
  received.data;
  const fds: number[] | undefined = received?.fds;

  const socket = new crossfork.FdSocket(a, { allowHalfOpen: true, highWaterMark: 5 });
  socket.on('message', (data, received) => {
    is<Same<typeof data, Buffer>>();
    const [first, ...rest] = received;
    is<Same<typeof first, number | undefined> extends true ? true : Same<typeof first, number>>();
    is<Same<typeof rest, number[]>>();
    received.take()?.toFixed();
  });
  socket.once('error', (error) => error.code?.startsWith('E'));
  // @ts-expect-error no such event
  socket.on('massage', () => {});
  socket.addListener('message', (data, received) => data.equals(data) && received.close());
  socket.prependOnceListener('close', (hadError) => is<Same<typeof hadError, boolean>>());
  socket.prependListener('end', () => {}).removeListener('drain', () => {});
  // @ts-expect-error it has two arguments
  socket.emit('message', 'x');
  const duplex: Duplex = socket.toDuplex();
  await pipeline(duplex, duplex);
  {
    await using one = new crossfork.FdSocket(a);
    using other = crossfork.createFdServer('/path');
    other.prependListener('connection', (connection) => connection.toDuplex());
    one.send('x');
  }
  const more: boolean = socket.send('x', net.createServer(), (error) => error?.code);
  socket.send(new Uint16Array(1), [5, 6]);
  socket.send('x', () => {});
  socket.end('x', [5], (error) => error?.syscall).end();
  for await (const { data, fds } of socket.ref().unref())
    is<Same<[typeof data, typeof fds], [Buffer, crossfork.ReceivedFds]>>();
  is<Same<typeof socket.peerCredentials, crossfork.PeerCredentials | undefined>>();

  const server = crossfork.createFdServer('/path', { type: 'seqpacket' }, (connection) => connection.destroy());
  crossfork.createFdServer('/path', (connection) => connection.pause().resume());
  server.on('connection', (connection) => connection.end().close());
  // @ts-expect-error datagrams have no connections
  crossfork.createFdServer('/path', { type: 'dgram' });
  crossfork.connect('\0name', { type: 'dgram' }).close(() => server.close());
  void [fds, more];
}

interface Api {
  resize(job: { width: number }, cx: crossfork.CallContext): Promise<Uint8Array>;
  rows(query: string): AsyncGenerator<{ id: number }>;
  users: { get(id: number): string };
}

export async function calls(child: ChildProcess, worker: Worker): Promise<void> {
  const peer: crossfork.Peer = crossfork.connectCalls(child, { methods: { double: (n: number) => n * 2 } });
  crossfork.connectCalls(worker).notify('changed', { path: '/' });
  const sum = await peer.call<number>('add', { a: 1 }, { timeout: 5, signal: AbortSignal.timeout(5) });
  is<Same<typeof sum, number>>();
  await peer.call.args('add', [1, 2]);
  for await (const item of peer.stream<string>('lines')) is<Same<typeof item, string>>();
  const { concurrency } = await peer.ready({ timeout: 5 });
  is<Same<typeof concurrency, number>>();
  crossfork.serve(
    { resize: async (_: object, cx: crossfork.CallContext) => cx.progress(await cx.peer.call('size')) },
    { concurrency: 4, setUp: async () => {}, tearDown() {} },
  );
  await using pool = new crossfork.Pool('./images', { size: 4, maxMemory: 0.5, fork: { cwd: '/' } });
  pool.on('workerExit', (one, { exitCode }) => console.log(one.pid, exitCode));
  const methods = pool.methods<Api>();
  const image: Uint8Array = await methods.resize({ width: 5 }, { key: 'a', retries: 1 });
  const rows: { id: number }[] = await methods.rows('select');
  const name: string = await methods.users.get(5);
  console.log(image, rows, name, pool.stats().runTime.p99, (await pool.close()).killed);
  try {
    await pool.call('f', 1, { priority: 1 });
  } catch (error) {
    if (error instanceof crossfork.WorkerDiedError) is<Same<typeof error.begun, boolean>>();
    if (error instanceof crossfork.RemoteError) is<Same<typeof error.rpcCode, number>>();
  }
  // @ts-expect-error no such option
  new crossfork.Pool('./images', { sise: 4 });
  // @ts-expect-error no such method
  await methods.rotate();
  // @ts-expect-error a width is a number
  await methods.resize({ width: '5' });
  // @ts-expect-error who has a pool calls it, and has no keys here
  await peer.call('f', 1, { key: 'a' });
}
