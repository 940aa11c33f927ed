'use strict';

const os = require('node:os');
const { checkBoolean, checkFunction, checkInteger, checkOptions, MAX_INT } = require('../checks.cjs');
const { outOfRange, wrongType, wrongValue } = require('../errors.cjs');
const { checkTimeout } = require('./call-options.cjs');
const { checkConcurrency, settingsOf } = require('./connect.cjs');

const count = (min) => (value, name) => checkInteger(value, name, min, MAX_INT);
const infinite = (min) => (value, name) =>
  value === Number.POSITIVE_INFINITY ? value : checkInteger(value, name, min, MAX_INT);

const CHECKS = {
  size: count(1),
  min: count(0),
  max: count(1),
  lazy: checkBoolean,
  idleTimeout: infinite(0),
  concurrency: checkConcurrency,
  maxQueue: infinite(0),
  timeout: checkTimeout,
  grace: infinite(0),
  startTimeout: infinite(1),
  closeTimeout: infinite(0),
  maxCalls: infinite(1),
  maxAge: infinite(1),
  maxMemory: (value, name) => {
    if (typeof value !== 'number') throw wrongType(name, 'of type number', value);
    if (!(value > 0)) throw outOfRange(name, '> 0', value);
    return value <= 1 ? value * os.totalmem() : value;
  },
  nice: (value, name) => checkInteger(value, name, -20, 19),
  setUp: checkFunction,
};

/** What is passed on to where it is looked at. */
const OTHERS = ['exec', 'args', 'fork', 'methods', 'ordered', 'stacks', 'maxCollected'];

const DEFAULTS = {
  // Each is there, so that none is looked for in a prototype.
  ...Object.fromEntries(Object.keys(CHECKS).map((name) => [name, undefined])),
  lazy: false,
  idleTimeout: 10_000,
  maxQueue: Number.POSITIVE_INFINITY,
  grace: 5000,
  startTimeout: 30_000,
  closeTimeout: 5000,
  maxCalls: Number.POSITIVE_INFINITY,
  maxAge: Number.POSITIVE_INFINITY,
  maxMemory: Number.POSITIVE_INFINITY,
};

/** The options of a pool, each looked at once, with what holds where nothing is said. */
function poolOptions(options) {
  // Of its own: what a prototype was polluted with would be started.
  const own = { __proto__: null, ...checkOptions(options) };
  const { methods = {}, ordered, stacks, maxCollected, exec, args, fork, ...rest } = own;
  const checked = { ...DEFAULTS };
  for (const [name, value] of Object.entries(rest)) {
    const check = Object.hasOwn(CHECKS, name) ? CHECKS[name] : undefined;
    if (check === undefined) {
      throw wrongValue(
        `options.${name}`,
        value,
        `is no option of a pool, which are ${[...Object.keys(CHECKS), ...OTHERS].join(', ')}`,
      );
    }
    if (value !== undefined) checked[name] = check(value, `options.${name}`);
  }
  const size = checked.size ?? os.availableParallelism?.() ?? os.cpus().length;
  checked.max ??= Math.max(size, checked.min ?? 0);
  checked.min ??= Math.min(size, checked.max);
  if (checked.min > checked.max) throw outOfRange('options.min', `<= ${checked.max}`, checked.min);
  checked.answers = settingsOf(methods, { __proto__: null, ordered, stacks, maxCollected });
  checked.starting = { exec, args, fork };
  return checked;
}

module.exports = { poolOptions };
