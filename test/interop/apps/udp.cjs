const { createSocket } = require('node:dgram');

const socket = createSocket('udp4');
socket.on('message', (message, from) => socket.send(`${process.pid} ${message}`, from.port, from.address));
socket.bind(0, '127.0.0.1', () => console.log(`port ${socket.address().port}`));
