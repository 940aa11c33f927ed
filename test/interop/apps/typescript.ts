import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

const server: Server = createServer((_request, response) => response.end('hello'));
server.listen(0, '127.0.0.1', () => console.log(`port ${(server.address() as AddressInfo).port}`));
