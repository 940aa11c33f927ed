'use strict';

// A worker that does not know what it was started for.
process.on('message', () => {});
