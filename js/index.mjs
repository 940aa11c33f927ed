// The same functions, and the same addon, as with `require`.
import crossfork from './index.cjs';

export const {
  FdServer,
  FdSocket,
  adopt,
  closeFd,
  clusterFork,
  connect,
  createFdServer,
  crossforkPath,
  describeFd,
  dup,
  fdOf,
  fork,
  listenFds,
  mapFd,
  memfd,
  recvFds,
  sendFds,
  setCloexec,
  setNonblocking,
  socketpair,
  unmap,
} = crossfork;
