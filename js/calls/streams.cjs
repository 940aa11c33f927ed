'use strict';

// What is a stream, as a result or as a parameter, and where it is among parameters.

/** What is sent item by item: async iterables, and what generators give. An array is a value like any other. */
function isStream(value) {
  if (typeof value !== 'object' || value === null) return false;
  if (typeof value[Symbol.asyncIterator] === 'function') return true;
  return typeof value.next === 'function' && typeof value[Symbol.iterator] === 'function';
}

/**
 * A parameter that is a stream.
 * @typedef {object} Streamed
 * @property {string | number} key where it is among the parameters
 * @property {AsyncIterable<unknown> | Iterable<unknown>} iterable
 * @property {boolean} hasBegun its items are being taken: they cannot be sent to somebody else
 */

/**
 * The streams among parameters: those that are one, and those that are a member of the only object. Deeper none is looked for.
 * @returns {Streamed[] | undefined}
 */
function streamsIn(params) {
  if (typeof params !== 'object' || params === null) return undefined;
  let found;
  const look = (key) => {
    const iterable = params[key];
    if (!isStream(iterable)) return;
    found ??= [];
    found.push({ key, iterable, hasBegun: false });
  };
  if (Array.isArray(params)) for (let i = 0; i < params.length; i++) look(i);
  else for (const key in params) look(key);
  return found;
}

/** Lets go of a stream that nobody reads any more, and whose iterator was got, if there is one. Never rejects. */
async function leave(iterable, iterator) {
  try {
    if (typeof iterable.destroy === 'function') iterable.destroy();
    else await (iterator ?? iterable[Symbol.asyncIterator]?.() ?? iterable).return?.();
  } catch {
    // It cannot be read, as a ReadableStream that is locked, or cannot be closed: both are the business of who has made it.
  }
}

module.exports = { isStream, leave, streamsIn };
