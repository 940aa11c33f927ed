'use strict';

// Bun and Deno name a version of Node, which they are not.
const isNode = !process.versions.bun && !process.versions.deno;

module.exports = { isNode, nodeMajor: isNode ? Number.parseInt(process.versions.node, 10) : 0 };
