'use strict';

const { serve } = require('../../../../js/index.cjs');

serve(
  {
    *items() {
      yield* [null, 0, '', false, []];
    },
    async *many(count) {
      for (let i = 0; i < count; i++) yield i;
    },
    async upload(count, cx) {
      let size = 0;
      for await (const part of cx.peer.stream('parts', count)) size += part.length;
      return size;
    },
  },
  { maxCollected: 10 },
);
