// A chat of Socket.IO over WebSockets: what one client says is for the clients of all workers.
const http = require('node:http');
const { Server } = require('socket.io');
const { createAdapter } = require('@socket.io/cluster-adapter');

const server = http.createServer();
const io = new Server(server, { adapter: createAdapter(), transports: ['websocket'] });
io.on('connection', (socket) => {
  socket.on('who', (answer) => answer(process.pid));
  socket.on('say', (text) => io.emit('said', text));
});
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
