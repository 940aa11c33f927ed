'use strict';

// Builds a Rust example, and returns the path of its program. CROSSFORK_WORKER names one that is built already.
const { build } = require('../js/build.cjs');

exports.rust = (example) => process.env.CROSSFORK_WORKER ?? build({ example, features: ['tokio'] });
