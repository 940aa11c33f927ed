'use strict';

// Calls over the channel, and pools of workers that are called. Nothing here needs the addon.

const { connectCalls } = require('./connect.cjs');
const { Peer } = require('./peer.cjs');
const { Pool } = require('./pool.cjs');
const { serve } = require('./serve.cjs');

module.exports = { ...require('./errors.cjs'), Peer, Pool, connectCalls, serve };
