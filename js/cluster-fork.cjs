'use strict';

const cluster = require('node:cluster');
const { checkList, checkOptions, checkString, MAX_INT } = require('./checks.cjs');
const { coded } = require('./errors.cjs');
const { findProgram } = require('./program.cjs');

/**
 * Starts a program as a worker of Node's cluster, and returns the Worker. All settings except the program and its
 * arguments are those of cluster.setupPrimary.
 *
 * Cluster always runs process.execPath (CH-11) with a module as its first argument. So the first argument is passed as
 * the module, and a program without arguments gets an empty one.
 */
function clusterFork(binary, args = [], env = undefined) {
  if (!cluster.isPrimary) {
    throw coded(Error, 'ERR_CROSSFORK_NOT_PRIMARY', 'clusterFork can be called only in the primary of a cluster');
  }
  const all = checkList(args, 'args', MAX_INT).map((one, i) => checkString(one, `args[${i}]`));
  if (env !== null) checkOptions(env, 'env');
  const program = findProgram(binary, { ...process.env, ...env });

  // The first call takes defaults from process.argv, which are meant for Node workers.
  if (Object.keys(cluster.settings).length === 0) cluster.setupPrimary();
  const { settings } = cluster;
  const { execPath } = process;
  const [first = '', ...rest] = all;
  const { NODE_OPTIONS } = process.env;
  try {
    process.execPath = program;
    cluster.settings = { ...settings, exec: first, execArgv: [], args: rest };
    // If NODE_OPTIONS enables the inspector, cluster would pass --inspect-port to the program.
    delete process.env.NODE_OPTIONS;
    return cluster.fork(NODE_OPTIONS === undefined ? env : { NODE_OPTIONS, ...env });
  } finally {
    process.execPath = execPath;
    cluster.settings = settings;
    if (NODE_OPTIONS !== undefined) process.env.NODE_OPTIONS = NODE_OPTIONS;
  }
}

module.exports = { clusterFork };
