'use strict';

const cluster = require('node:cluster');
const { checkList, checkOptions, checkString, MAX_INT } = require('./checks.cjs');
const { coded } = require('./errors.cjs');
const { findProgram } = require('./program.cjs');

/**
 * Starts a program as a worker of Node's own cluster, and returns the Worker. Everything but the program and its
 * arguments is as cluster.setupPrimary was told.
 *
 * Cluster always runs process.execPath (CH-11), and passes a module: so the first argument takes the module's place,
 * and a program without arguments gets an empty one.
 */
function clusterFork(binary, args = [], env = undefined) {
  if (!cluster.isPrimary) {
    throw coded(Error, 'ERR_CROSSFORK_NOT_PRIMARY', 'clusterFork can be called in the primary of a cluster only');
  }
  const all = checkList(args, 'args', MAX_INT).map((one, i) => checkString(one, `args[${i}]`));
  if (env !== null) checkOptions(env, 'env');
  const program = findProgram(binary, { ...process.env, ...env });

  // What it takes from process.argv the first time is for workers in Node.
  if (Object.keys(cluster.settings).length === 0) cluster.setupPrimary();
  const { settings } = cluster;
  const { execPath } = process;
  const [first = '', ...rest] = all;
  const { NODE_OPTIONS } = process.env;
  try {
    process.execPath = program;
    cluster.settings = { ...settings, exec: first, execArgv: [], args: rest };
    // Where these ask for the inspector, cluster would give the program an --inspect-port.
    delete process.env.NODE_OPTIONS;
    return cluster.fork(NODE_OPTIONS === undefined ? env : { NODE_OPTIONS, ...env });
  } finally {
    process.execPath = execPath;
    cluster.settings = settings;
    if (NODE_OPTIONS !== undefined) process.env.NODE_OPTIONS = NODE_OPTIONS;
  }
}

module.exports = { clusterFork };
