'use strict';

require(process.env.HOSTILE ? './hostile.cjs' : './worker.cjs');
