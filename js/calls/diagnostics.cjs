'use strict';

const { channel } = require('node:diagnostics_channel');

/**
 * For programs that look on: `{ pool, call }`, where `call` has `method`, `params` and `traceparent` (which may still be
 * set at 'made'), and `{ pool, worker }`.
 */
const channels = {
  made: channel('crossfork:call:made'),
  sent: channel('crossfork:call:sent'),
  settled: channel('crossfork:call:settled'),
  started: channel('crossfork:worker:started'),
  ready: channel('crossfork:worker:ready'),
  ended: channel('crossfork:worker:ended'),
};

module.exports = { channels };
