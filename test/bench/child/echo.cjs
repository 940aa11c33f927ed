'use strict';

// The smallest Node child there is.

process.on('message', (message) => process.send(message));
