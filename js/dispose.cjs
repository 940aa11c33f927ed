'use strict';

/**
 * Gives a class, or an object, what `using` and `await using` call: `now` closes at once, `later` returns a promise.
 * Node has the symbols from 18.18 on.
 */
function makeDisposable(target, now, later) {
  const define = (symbol, value) => symbol && value && Object.defineProperty(target, symbol, { value });
  define(Symbol.dispose, now);
  define(Symbol.asyncDispose, later);
}

module.exports = { makeDisposable };
