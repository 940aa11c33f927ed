'use strict';

// The addon.

const { find } = require('./find.cjs');

module.exports = find('addon', 'crossfork.node', require);
