'use strict';

// A worker as the users of workerpool write one.

require('workerpool').worker(require('./tasks.cjs'));
