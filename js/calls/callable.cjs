'use strict';

const { checkList, MAX_INT } = require('../checks.cjs');
const { paramsOf } = require('./wire.cjs');

/**
 * A function that takes a method and one value, with `args`, which takes a method and a list of arguments.
 * @param {(method, params, options, site: { stack?: string }) => unknown} run
 */
function callable(run) {
  const one = (method, value, options) => run(method, paramsOf(value), options, siteOf(one));
  const args = (method, list, options) => run(method, checkList(list, 'args', MAX_INT), options, siteOf(args));
  return Object.assign(one, { args });
}

/** The stack of whoever has called a function: an answer comes when it is long gone. */
function siteOf(callee) {
  const site = {};
  Error.captureStackTrace(site, callee);
  return site;
}

module.exports = { callable };
