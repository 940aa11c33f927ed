'use strict';

const { serve } = require('../../../../js/index.cjs');

const echo = (value) => value;

serve({
  echo,
  // As the handlers in Rust are called, each of which has one type.
  record: echo,
  bytes: echo,
  *items(count) {
    for (let i = 0; i < count; i++) yield i;
  },
});
