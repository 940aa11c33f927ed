'use strict';

// The least there is to do: each message is an id and a value, and goes back as it came.
process.on('message', (message) => process.send(message));
