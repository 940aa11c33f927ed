'use strict';

const { Duplex } = require('node:stream');

/**
 * A socket as a Duplex. On a stream it carries bytes; on packets each chunk is a message, in both directions. Descriptors
 * that come in are for who listens to the socket itself.
 */
function makeDuplex(socket, event, { allowHalfOpen, highWaterMark }) {
  const packets = socket.type !== 'stream';
  const duplex = new Duplex({
    allowHalfOpen,
    objectMode: packets,
    // Of packets it is a number of them, and what waits to be sent is the socket's to count.
    ...(packets ? {} : { writableHighWaterMark: highWaterMark }),
    read() {
      socket.resume();
    },
    write(chunk, encoding, callback) {
      const data = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
      // Of a stream it is nothing.
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
      // What was sent beside it may still wait.
      if (error === null && duplex.writableFinished) socket.close();
      else socket.destroy();
      callback(error);
    },
  });
  // Nothing is read before somebody wants it.
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
  // Where both directions have ended, what came is still to be read, and then it ends by itself.
  socket.on('close', () => {
    if (!ended || !duplex.writableFinished) duplex.destroy();
  });
  if (socket.destroyed) duplex.destroy();
  return duplex;
}

module.exports = { makeDuplex };
