'use strict';

const { check } = require('./errors.cjs');
const native = require('./load.cjs');

const NAMES = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES'];

/**
 * The descriptors that systemd, or another that does the same, has opened for this process, with their names. The
 * caller owns them, `adopt` makes servers of them; the variables are removed, and the second time there is none.
 */
function listenFds() {
  const values = NAMES.map((name) => process.env[name]);
  for (const name of NAMES) delete process.env[name];
  return check(native.listenFds(...values), 'fcntl');
}

module.exports = { listenFds };
