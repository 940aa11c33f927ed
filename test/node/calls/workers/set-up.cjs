'use strict';

const { serve } = require('../../../../js/index.cjs');

let isSetUp = false;
serve(
  { isSetUp: () => isSetUp },
  {
    async setUp() {
      await new Promise((resolve) => setTimeout(resolve, 50));
      if (process.argv[2] === 'fails') throw new SyntaxError('no set-up today');
      isSetUp = true;
    },
  },
);
