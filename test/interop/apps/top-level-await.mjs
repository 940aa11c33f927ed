import { createServer } from 'node:http';
import { setTimeout } from 'node:timers/promises';

const greeting = await setTimeout(50, 'hello');
const server = createServer((_request, response) => response.end(greeting));
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
console.log(`port ${server.address().port}`);
