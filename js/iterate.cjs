'use strict';

const { hold } = require('./received-fds.cjs');

/**
 * Each message with its descriptors, `{ data, fds }`. Descriptors that were not taken are closed when the loop goes
 * on. No more than one message is read ahead. Leaving the loop destroys the socket. It ends when the socket has closed,
 * all being sent, or with the peer's end where that leaves the other direction open.
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
    // The error that the loop was left with is on its way, and nobody else listens.
    for (const name of [event, 'end', 'close']) socket.off(name, listeners[name]);
    if (ended) socket.off('error', listeners.error);
  }
}

module.exports = { iterate };
