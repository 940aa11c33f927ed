import { serve } from 'crossfork';

serve({
  add: ({ a, b }) => a + b,
  async *countTo(n) {
    for (let i = 1; i <= n; i++) yield i;
  },
});
