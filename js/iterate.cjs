'use strict';

const { hold } = require('./received-fds.cjs');

/**
 * Each message with its descriptors, `{ data, fds }`. Descriptors that were not taken are closed when the loop goes
 * on. No more than one message is read ahead.
 */
async function* iterate(socket, event) {
  const ready = [];
  let over = socket.destroyed;
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
      over = true;
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
      if (ready.length === 0 && !over && failure === undefined) {
        await new Promise((resolve) => {
          wake = resolve;
          socket.resume();
        });
      }
      const message = ready.shift();
      if (message === undefined) {
        if (failure !== undefined) throw failure;
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
    for (const [name, listener] of Object.entries(listeners)) socket.off(name, listener);
    socket.destroy();
  }
}

module.exports = { iterate };
