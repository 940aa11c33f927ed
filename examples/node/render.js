'use strict';

// Renders pages for examples/render_pool. Whatever renders on a server fits in here.
process.on('message', ({ path }) => {
  // Whoever dies before this has not died of this page, which another worker then renders.
  process.send('rendering');
  if (path === '/crash') throw new Error('this page has a bug');
  process.send({ html: `<h1>${path}</h1><p>rendered by process ${process.pid}</p>\n` });
});
process.send('ready');
