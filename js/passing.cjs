'use strict';

const { toBytes, lengthOf } = require('./bytes.cjs');
const { checkInteger, checkList, checkOptions, checkWord, MAX_FDS, MAX_INT } = require('./checks.cjs');
const { check, coded, wrongValue } = require('./errors.cjs');
const { fdOf } = require('./fd-of.cjs');
const { native } = require('./load.cjs');

const TYPES = ['stream', 'seqpacket', 'dgram'];

/** Two sockets that are connected with each other, non-blocking and close-on-exec. The caller closes both. */
function socketpair(options) {
  const { type = 'stream' } = checkOptions(options);
  return check(native().socketpair(checkWord(type, 'options.type', TYPES)), 'socketpair');
}

/**
 * Sends once. Returns how many bytes were sent, which on a stream may be fewer than there are, and null if it would
 * have to wait: then nothing was sent. What is sent stays the caller's, who may close it at once.
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
 * Receives once. Returns null if it would have to wait. The caller closes what is in `fds`; descriptors beyond
 * `maxFds` are closed and `fdsLost` is true. `cut` tells that a message was longer than `maxBytes`, `end` that
 * nothing more will come.
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
  // Not all that memory for a few bytes.
  return {
    data: length * 2 < maxBytes ? Buffer.from(buffer.subarray(0, length)) : buffer.subarray(0, length),
    ...rest,
  };
}

/** The numbers of what is to be sent, in an array that native code reads without running anybody's code. */
function numbersOf(handles, name) {
  return Int32Array.from(checkList(handles, name, MAX_FDS), fdToSend);
}

/** An object is refused where its descriptor is not all that there is of it: whoever insists passes the number. */
function fdToSend(object) {
  const fd = fdOf(object);
  if (typeof object === 'number') return fd;
  const insist = 'To send the descriptor all the same, pass fdOf(socket)';
  if (object.encrypted === true) {
    const why =
      'its descriptor is the bare connection, and the keys stay in this process: the receiver could not read it';
    const help = 'End TLS here and pass the data on, or hand the connection over before TLS begins';
    throw coded(Error, 'ERR_CROSSFORK_TLS_SOCKET', `A TLSSocket cannot be sent: ${why}. ${help}. ${insist}.`);
  }
  const unread = object.readableLength;
  if (unread > 0) {
    const why = `Node has read ${unread} bytes from it that nobody has consumed, and the receiver would never get them`;
    const help = 'Read them and send them along, or accept connections with pauseOnConnect';
    throw coded(Error, 'ERR_CROSSFORK_UNREAD_BYTES', `This stream cannot be sent: ${why}. ${help}. ${insist}.`);
  }
  return fd;
}

/** Only a datagram may be empty. */
function checkEmpty(bytes, data, type) {
  if (lengthOf(bytes) === 0 && type() !== 'dgram') {
    throw wrongValue('data', data, 'must not be empty, for only a datagram can be');
  }
}

const EAGAIN = -11;

function wouldBlock(result) {
  return result === EAGAIN;
}

module.exports = { TYPES, checkEmpty, numbersOf, recvFds, sendFds, socketpair, wouldBlock };
