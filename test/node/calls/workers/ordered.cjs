'use strict';

const { serve } = require('../../../../js/index.cjs');

const seen = [];
serve(
  {
    async step({ text, ms }) {
      seen.push(`${text}+`);
      await new Promise((resolve) => setTimeout(resolve, ms));
      seen.push(`${text}-`);
    },
    seen: () => seen,
  },
  { ordered: true },
);
