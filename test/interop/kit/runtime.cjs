'use strict';

// Bun and Deno name a version of Node, which they are not.
const isNode = !process.versions.bun && !process.versions.deno;

const nodeMajor = isNode ? Number.parseInt(process.versions.node, 10) : 0;

/** Why a scenario that has much to read at once cannot be run. */
const drowns = (mode) =>
  mode === 'advanced' &&
  nodeMajor === 18 &&
  'Node 18 finds no message any more after a read that ended inside of the four bytes of a length (ADV-3)';

module.exports = { isNode, nodeMajor, drowns };
