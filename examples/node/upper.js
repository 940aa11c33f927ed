'use strict';

// An ordinary Node program. It does not know that its parent is written in Rust.
process.on('message', (text) => process.send(text.toUpperCase()));
