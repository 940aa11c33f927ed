'use strict';

const { checkList, MAX_INT } = require('../checks.cjs');
const { paramsOf } = require('./wire.cjs');

/**
 * A function that takes a method and one value, with `args`, which takes a method and a list of arguments.
 * @param {(method: unknown, params: unknown, options: unknown) => unknown} run
 */
function callable(run) {
  const one = (method, value, options) => run(method, paramsOf(value), options);
  const args = (method, list, options) => run(method, checkList(list, 'args', MAX_INT), options);
  return Object.assign(one, { args });
}

module.exports = { callable };
