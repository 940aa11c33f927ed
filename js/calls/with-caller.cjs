'use strict';

/**
 * The promise, whose error tells who waits for it. When the error is made nobody is left on the stack; but who awaits this
 * function is known to the engine, and costs nothing until something fails.
 */
async function withCaller(promise) {
  try {
    return await promise;
  } catch (error) {
    const caller = {};
    Error.captureStackTrace(caller, withCaller);
    const { name, message, remoteStack } = error;
    const there =
      remoteStack === undefined ? '' : `\n    --- in the other process ---\n${framesOf(remoteStack) || remoteStack}`;
    const stack = `${name}: ${message}\n${framesOf(caller.stack)}${there}`;
    Object.defineProperty(error, 'stack', { value: stack, writable: true, configurable: true });
    throw error;
  }
}

/** A stack without its first lines, which repeat name and message. */
function framesOf(stack) {
  const start = /^ {4}at /m.exec(stack)?.index;
  return start === undefined ? '' : stack.slice(start);
}

module.exports = { withCaller };
