'use strict';

const { serve } = require('../../../../js/index.cjs');

serve({
  echo: (value) => value,
  *items(count) {
    for (let i = 0; i < count; i++) yield i;
  },
});
