'use strict';

// Renders pages for examples/render_pool.rs. Whatever renders on a server fits in here.
const { serve } = require('crossfork');

serve({
  render({ path }) {
    if (path === '/bug') throw new Error('this page has a bug');
    if (path === '/crash') process.exit(1);
    return `<h1>${path}</h1><p>rendered by process ${process.pid}</p>\n`;
  },
});
