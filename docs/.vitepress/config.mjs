// `npm run docs`: the documents as a site, in target/site/. `npm run docs -- dev` serves it and follows changes.
import { cpSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { defineConfig } from 'vitepress';
import { links } from '../tools/markdown.mjs';
import { documents, ROOT, read } from '../tools/write.mjs';

// These are no pages: links to them stay as they are, and the files are copied.
process.env.VITE_EXTRA_EXTENSIONS = 'rs,toml';

/** All files of the repository that documents link to, and that are no pages. */
const files = new Set(
  documents()
    .flatMap((path) => links(read(path)).map((link) => [path, link.split('#')[0]]))
    .filter(([, link]) => link && !/^[a-z]+:|\.md$/.test(link))
    .map(([path, link]) => join(dirname(path), link))
    .filter((path) => statSync(join(ROOT, path)).isFile()),
);

const pages = (...items) => items.map(([text, page]) => ({ text, link: `/${page}` }));

export default defineConfig({
  title: 'Crossfork',
  description: "Rust programs as either end of Node's IPC channel, and file descriptor passing for Node",
  // The documents of the project's folder are pages too, so that links work as they do in the repository.
  srcDir: '..',
  srcExclude: ['docs/packages/**', 'target/**', 'native/**', 'test/**', '.github/**', 'examples/*/**'],
  rewrites: { 'README.md': 'index.md' },
  outDir: '../target/site',
  cacheDir: '../target/vitepress',
  lastUpdated: false,
  markdown: { languageAlias: { 'rust,no_run': 'rust', 'rust,ignore': 'rust' } },
  // A test checks all links of the site.
  buildEnd({ outDir }) {
    for (const file of files) cpSync(join(ROOT, file), join(outDir, file));
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    sidebar: [
      {
        text: 'Jobs',
        items: pages(
          ['Overview', 'docs/'],
          ['Call Rust from Node', 'docs/call-rust'],
          ['Call Node from Rust', 'docs/call-node'],
          ['Calls and pools', 'docs/calls'],
          ['An image service', 'docs/image-service'],
          ['A renderer', 'docs/renderer'],
          ['A language server', 'docs/language-server'],
          ['Sockets and servers', 'docs/sockets'],
          ['Cluster', 'docs/cluster'],
          ['crossfork run', 'docs/run'],
          ['Descriptors for Node', 'docs/descriptors'],
        ),
      },
      { text: 'Learn', items: pages(['Five programs', 'docs/five-programs'], ['Examples', 'examples/README']) },
      {
        text: 'Reference',
        items: pages(
          ['JSON or advanced', 'docs/serialization'],
          ['Compatibility', 'docs/compatibility'],
          ['Performance', 'docs/performance'],
          ['Errors', 'docs/errors'],
          ['Bundlers', 'docs/bundlers'],
          ['Protocol', 'docs/protocol'],
          ['Architecture', 'docs/architecture'],
          ['Changelog', 'CHANGELOG'],
          ['Security', 'SECURITY'],
        ),
      },
    ],
  },
});
