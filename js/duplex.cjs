'use strict';

const { Duplex } = require('node:stream');

/**
 * Wraps a socket in a Duplex. For a stream socket it carries bytes; otherwise each chunk is one message, in both
 * directions. To receive descriptors, listen on the socket itself.
 */
function makeDuplex(socket, event, { allowHalfOpen, highWaterMark }) {
  const packets = socket.type !== 'stream';
  const duplex = new Duplex({
    allowHalfOpen,
    objectMode: packets,
    // In object mode the limit counts messages; the socket itself counts the bytes that wait to be sent.
    ...(packets ? {} : { writableHighWaterMark: highWaterMark }),
    read() {
      socket.resume();
    },
    write(chunk, encoding, callback) {
      const data = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
      // An empty chunk of a stream needs no send.
      if (!packets && data.length === 0) return callback();
      try {
        socket.send(data, callback);
      } catch (error) {
        callback(error);
      }
    },
    final(callback) {
      socket.end();
      callback();
    },
    destroy(error, callback) {
      // Messages that were sent through the socket itself may still wait.
      if (error === null && duplex.writableFinished) socket.close();
      else socket.destroy();
      callback(error);
    },
  });
  // Nothing is read before the Duplex is read.
  socket.pause();
  socket.on(event, (data) => {
    if (!duplex.push(data)) socket.pause();
  });
  let ended = false;
  socket.on('end', () => {
    ended = true;
    duplex.push(null);
  });
  socket.on('error', (error) => duplex.destroy(error));
  // If both directions have ended, the data that arrived can still be read; then the Duplex ends by itself.
  socket.on('close', () => {
    if (!ended || !duplex.writableFinished) duplex.destroy();
  });
  if (socket.destroyed) duplex.destroy();
  return duplex;
}

module.exports = { makeDuplex };
