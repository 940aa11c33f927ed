'use strict';

const { toBytes, lengthOf } = require('./bytes.cjs');
const { checkInteger, checkList, checkOptions, checkWord, MAX_FDS, MAX_INT } = require('./checks.cjs');
const { check, coded, wrongValue } = require('./errors.cjs');
const { fdOf } = require('./fd-of.cjs');
const { native } = require('./load.cjs');

const TYPES = ['stream', 'seqpacket', 'dgram'];

/** Creates two connected sockets, non-blocking and close-on-exec. The caller must close both. */
function socketpair(options) {
  const { type = 'stream' } = checkOptions(options);
  return check(native().socketpair(checkWord(type, 'options.type', TYPES)), 'socketpair');
}

/**
 * Sends once. Returns the number of bytes sent, which on a stream may be fewer than given. Returns null if it would have
 * to wait; then nothing was sent. The caller keeps the descriptors and may close them at once.
 */
function sendFds(socket, data, fds = []) {
  const socketFd = fdOf(socket);
  const numbers = numbersOf(fds, 'fds');
  const bytes = toBytes(data);
  checkEmpty(bytes, data, () => native().describe(socketFd).type);
  const sent = native().sendFds(socketFd, bytes, numbers);
  return wouldBlock(sent) ? null : check(sent, 'sendmsg');
}

/**
 * Receives once. Returns null if it would have to wait. The caller must close the descriptors in `fds`. Descriptors
 * beyond `maxFds` are closed, and `fdsLost` is true. `cut` means that the message was longer than `maxBytes`, `end` that
 * nothing more will arrive.
 */
function recvFds(socket, options) {
  const socketFd = fdOf(socket);
  const { maxBytes = 65536, maxFds = MAX_FDS } = checkOptions(options);
  checkInteger(maxBytes, 'options.maxBytes', 1, MAX_INT);
  checkInteger(maxFds, 'options.maxFds', 0, MAX_FDS);
  const buffer = Buffer.allocUnsafeSlow(maxBytes);
  const received = native().recvFds(socketFd, buffer, maxFds);
  if (wouldBlock(received)) return null;
  const { length, ...rest } = check(received, 'recvmsg');
  // Copies a short message, so that it does not keep the whole buffer in memory.
  return {
    data: length * 2 < maxBytes ? Buffer.from(buffer.subarray(0, length)) : buffer.subarray(0, length),
    ...rest,
  };
}

/** Returns the descriptors to send, in a typed array that native code can read without running JavaScript. */
function numbersOf(handles, name) {
  return Int32Array.from(checkList(handles, name, MAX_FDS), fdToSend);
}

/** Returns an object's descriptor. Throws if the object has state beside the descriptor; the number itself can be passed. */
function fdToSend(object) {
  const fd = fdOf(object);
  if (typeof object === 'number') return fd;
  const insist = 'To send the descriptor anyway, pass fdOf(socket)';
  if (object.encrypted === true) {
    const why = 'its keys stay in this process, so the receiver could not decrypt the connection';
    const help = 'Terminate TLS here and forward the data, or send the connection before its TLS handshake';
    throw coded(Error, 'ERR_CROSSFORK_TLS_SOCKET', `Cannot send a TLSSocket: ${why}. ${help}. ${insist}.`);
  }
  const unread = object.readableLength;
  if (unread > 0) {
    const why = `Node has buffered ${unread} bytes that it read, and the receiver would never get them`;
    const help = 'Read these bytes and send them too, or accept connections with pauseOnConnect';
    throw coded(Error, 'ERR_CROSSFORK_UNREAD_BYTES', `Cannot send this stream: ${why}. ${help}. ${insist}.`);
  }
  return fd;
}

/** Checks that data is not empty, unless the socket is a datagram socket. */
function checkEmpty(bytes, data, type) {
  if (lengthOf(bytes) === 0 && type() !== 'dgram') {
    throw wrongValue('data', data, 'must not be empty, except on a datagram socket');
  }
}

const EAGAIN = -11;

function wouldBlock(result) {
  return result === EAGAIN;
}

module.exports = { TYPES, checkEmpty, numbersOf, recvFds, sendFds, socketpair, wouldBlock };
