'use strict';

/**
 * Adds the methods for `using` (`now` closes at once) and `await using` (`later` returns a promise) to a class or an
 * object. Node has the symbols since 18.18.
 */
function makeDisposable(target, now, later) {
  const define = (symbol, value) => symbol && value && Object.defineProperty(target, symbol, { value });
  define(Symbol.dispose, now);
  define(Symbol.asyncDispose, later);
}

module.exports = { makeDisposable };
