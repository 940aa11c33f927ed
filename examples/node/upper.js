'use strict';

// An ordinary Node worker: it knows nothing of Rust.
process.on('message', (text) => process.send(text.toUpperCase()));
