'use strict';

const { serve } = require('../../../../js/index.cjs');

// A worker that does not end when it is asked to.
setInterval(() => {}, 1000);
process.on('SIGTERM', () => {});
serve({ echo: (value) => value });
