import { serve } from 'crossfork';

serve({
  async total(articles, cx) {
    // The parent knows the prices.
    const prices = await Promise.all(articles.map((article) => cx.peer.call('price', article)));
    return prices.reduce((sum, price) => sum + price, 0);
  },
});
