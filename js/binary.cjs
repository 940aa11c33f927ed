'use strict';

const { accessSync, constants } = require('node:fs');
const { find } = require('./find.cjs');

/** The path of the `crossfork` command that is part of this package. */
function crossforkPath() {
  return find('command', 'crossfork', (path) => {
    accessSync(path, constants.X_OK);
    return path;
  });
}

module.exports = { crossforkPath };
