'use strict';

// For piscina, tinypool and jest-worker.
module.exports = (value) => value;
module.exports.echo = (value) => value;
