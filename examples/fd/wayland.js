'use strict';

// A client in the manner of Wayland: binary requests over a stream, and a descriptor that rides on one of them. The other
// side is a compositor as small as can be. `node examples/fd/wayland.js`
const { FdSocket, closeFd, mapFd, memfd, socketpair } = require('crossfork');

const [CREATE_POOL, ATTACH] = [0, 1];
const SHM = 3; // the number of the object that requests are for

/** A request: the object, the length and the number of the request, and its arguments, all as words of 32 bits. */
function request(object, opcode, ...args) {
  const length = 8 + 4 * args.length;
  return Buffer.from(Uint32Array.of(object, (length << 16) | opcode, ...args).buffer);
}

function client(fd) {
  const [width, height] = [320, 200];
  const size = width * height * 4;
  const shm = memfd('wl_shm', Buffer.alloc(size, 0xff), { seals: ['shrink'] });
  const pixels = mapFd(shm);
  pixels.writeUInt32LE(0xff00ff00, 0); // the first pixel is green

  const display = new FdSocket(fd);
  display.send(request(SHM, CREATE_POOL, 10, size), shm); // the descriptor rides on these bytes
  display.send(request(10, ATTACH, 0, width, height));
  closeFd(shm);
  display.on('data', (event) => {
    console.log(`client: event ${event.readUInt16LE(4)}`);
    display.close();
  });
}

function compositor(fd) {
  const socket = new FdSocket(fd);
  const received = []; // descriptors, in the order of the requests that need them
  let input = Buffer.alloc(0);
  let pool;
  socket.on('data', (bytes, fds) => {
    received.push(...fds.takeAll());
    input = Buffer.concat([input, bytes]); // a stream has no borders between requests
    while (input.length >= 8 && input.length >= input.readUInt16LE(6)) {
      const one = input.subarray(0, input.readUInt16LE(6));
      input = input.subarray(one.length);
      if (one.readUInt16LE(4) === CREATE_POOL) {
        const shm = received.shift();
        pool = mapFd(shm);
        closeFd(shm);
      } else {
        const [width, height] = [one.readUInt32LE(12), one.readUInt32LE(16)];
        console.log(`compositor: ${width} x ${height}, the first pixel is ${pool.readUInt32LE(0).toString(16)}`);
        socket.send(request(10, 0)); // released
      }
    }
  });
}

const [a, b] = socketpair();
compositor(b);
client(a);
