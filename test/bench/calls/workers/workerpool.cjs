'use strict';

require(require.resolve('workerpool', { paths: [require('node:path').join(__dirname, '../npm')] })).worker({
  echo: (value) => value,
});
