'use strict';

// Builds a Rust example, and returns the path of its program. CROSSFORK_EXAMPLES is a folder with those that are built.
const { join } = require('node:path');
const { build } = require('../js/build.cjs');

exports.rust = (example) => {
  const { CROSSFORK_EXAMPLES: built } = process.env;
  return built ? join(built, example) : build({ example, features: ['axum', 'calls'] });
};
