'use strict';

const { hold } = require('./received-fds.cjs');

/**
 * Yields each message with its descriptors, `{ data, fds }`. Descriptors that were not taken are closed when the loop
 * continues. At most one message is read ahead. Leaving the loop destroys the socket. The loop ends when everything was
 * sent and the socket has closed; with `allowHalfOpen`, when the peer ends.
 */
async function* iterate(socket, event, allowHalfOpen) {
  const ready = [];
  let over = socket.destroyed;
  let ended = false;
  let failure;
  let wake;

  const listeners = {
    [event](data, fds) {
      socket.pause();
      hold(fds);
      ready.push({ data, fds });
      wake?.();
    },
    end() {
      over ||= allowHalfOpen;
      wake?.();
    },
    error(error) {
      failure = error;
      wake?.();
    },
    close() {
      over = true;
      wake?.();
    },
  };
  for (const [name, listener] of Object.entries(listeners)) socket.on(name, listener);
  try {
    while (true) {
      while (ready.length === 0 && !over && failure === undefined) {
        await new Promise((resolve) => {
          wake = resolve;
          socket.resume();
        });
      }
      const message = ready.shift();
      if (message === undefined) {
        if (failure !== undefined) throw failure;
        ended = true;
        return;
      }
      try {
        yield message;
      } finally {
        message.fds.close();
      }
    }
  } finally {
    for (const { fds } of ready) fds.close();
    if (!ended) socket.destroy();
    // After an early exit the 'error' listener stays: an error may still be emitted, and there may be no other listener.
    for (const name of [event, 'end', 'close']) socket.off(name, listeners[name]);
    if (ended) socket.off('error', listeners.error);
  }
}

module.exports = { iterate };
