const { createServer } = require('node:http');
const { Server } = require('socket.io');

const server = createServer();
const io = new Server(server);
io.on('connection', (socket) => {
  socket.on('echo', (text, answer) => answer(text));
});

process.on('SIGTERM', () => io.close(() => console.log('Socket.IO closed')));
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
