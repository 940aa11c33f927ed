'use strict';

// The child of the matrix in plain CommonJS, for Node 18 and later, Bun and Deno. It has the contract of interop-child
// (test/interop/child), and some requests more.

const { create, serve } = require('./handles.cjs');
const { odd } = require('./values.cjs');

process.on('message', (message, handle) => {
  if (handle) serve(message, handle);
  else if (typeof message?.op === 'string') operate(message);
  else say(message);
});

/** The parent may be gone, which is no error of ours. */
function say(value) {
  if (process.connected) process.send(value, () => {});
}

function operate(request) {
  switch (request.op) {
    case 'self':
      return say({
        connected: process.connected,
        variables: Object.keys(process.env).filter((name) => name.startsWith('NODE_CHANNEL_')),
        argv: process.argv.slice(2),
        execArgv: process.execArgv,
      });
    case 'compare':
      return say({ same: odd[request.index] === request.value });
    case 'odd':
      return odd.forEach(say);
    case 'undefined':
      return say({ toJSON() {} });
    case 'internal':
      return say({ cmd: 'NODE_FOO' });
    case 'burst':
      return burst(request, () => {});
    case 'burst-then-close':
      return burst(request, () => process.disconnect());
    case 'burst-then-exit':
      return burst(request, () => process.exit(request.code));
    case 'close':
      return process.disconnect();
    case 'send':
      return send(request);
    case 'send-wrapped':
      return sendWrapped();
    default:
      say(request);
  }
}

/** What is not written when a process disconnects or exits is lost (LIFE-3). */
function burst({ count, size }, written) {
  const pad = 'x'.repeat(size);
  for (let i = 0; i < count - 1; i++) say({ i, pad });
  process.send({ i: count - 1, pad }, written);
}

async function send({ type, count, via }) {
  for (let index = 0; index < count; index++) {
    const { handle, after = () => {} } = await create(type, via);
    process.send({ op: 'sent', type, index }, handle, after);
  }
}

/** The form in which Node sends a refused socket again (HND-9). */
async function sendWrapped() {
  const { handle, after } = await create('net.Native', 'tcp');
  process.send({ cmd: 'NODE_HANDLE', type: 'net.Socket', msg: 'inner' }, handle, after);
}
