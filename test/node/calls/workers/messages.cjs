'use strict';

const { serve } = require('../../../../js/index.cjs');

const parent = serve({ echo: (value) => value });
parent.on('message', (value) => process.send({ got: value }));
