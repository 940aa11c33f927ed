'use strict';

/** Closes a handle that nobody takes. It may be anything that Node sends, or nothing. */
function closeHandle(handle) {
  if (handle === undefined || handle === null) return;
  const close = handle.destroy ?? handle.close;
  // Nobody listens to it, and what it says on its way out is nobody's business.
  handle.on?.('error', () => {});
  close?.call(handle);
}

module.exports = { closeHandle };
