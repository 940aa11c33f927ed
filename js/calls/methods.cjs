'use strict';

const { checkOptions } = require('../checks.cjs');
const { wrongType } = require('../errors.cjs');

/** How deep methods may be nested. */
const DEEPEST = 8;

/**
 * The methods of an object by name. Those of an object inside have its name before theirs: `users.get`. Those of a class
 * count too.
 * @returns {Map<string, (...args: unknown[]) => unknown>}
 */
function methodsOf(object, name = 'methods') {
  checkOptions(object, name);
  const found = new Map();
  add(found, object, '', name, DEEPEST);
  return found;
}

function add(found, object, prefix, name, depth) {
  for (const key of namesOf(object)) {
    const value = object[key];
    const path = `${prefix}${key}`;
    if (typeof value === 'function') found.set(path, value.bind(object));
    else if (typeof value === 'object' && value !== null && depth > 0) add(found, value, `${path}.`, name, depth - 1);
    else throw wrongType(`${name}.${path}`, 'a function', value);
  }
}

/** The object's own, and of a class's instance only the methods. */
function namesOf(object) {
  const names = new Set(Object.keys(object));
  const prototype = Object.getPrototypeOf(object);
  if (prototype === null || prototype === Object.prototype) return names;
  for (let one = prototype; one !== null && one !== Object.prototype; one = Object.getPrototypeOf(one)) {
    for (const [key, { value }] of Object.entries(Object.getOwnPropertyDescriptors(one))) {
      if (key !== 'constructor' && typeof value === 'function') names.add(key);
    }
  }
  return new Set([...names].filter((key) => typeof object[key] === 'function'));
}

/** An object on which every name is a method that is called: `proxy.users.get(params, options)`. */
function proxyOf(call, path = '') {
  return new Proxy(() => {}, {
    // A proxy is no promise, although it has everything else.
    get: (_, name) =>
      typeof name === 'symbol' || name === 'then' ? undefined : proxyOf(call, path === '' ? name : `${path}.${name}`),
    apply: (_, __, [params, options]) => call(path, params, options),
  });
}

module.exports = { methodsOf, proxyOf };
