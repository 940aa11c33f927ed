'use strict';

module.exports = {
  ...require('./adopt.cjs'),
  ...require('./describe.cjs'),
  ...require('./fd-of.cjs'),
  ...require('./flags.cjs'),
  ...require('./listen-fds.cjs'),
  ...require('./memory.cjs'),
};
