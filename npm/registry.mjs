// A local npm registry with only the given packages, so that any package manager can install them before they are
// published.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename } from 'node:path';

// Package managers may reject packages that were published today.
const PUBLISHED = '2020-01-01T00:00:00.000Z';

/**
 * @param {string[]} tarballs
 * @param {object[]} others manifests of packages that are listed but cannot be fetched
 * @returns `{ url, asked, close }`: `asked` has the names of the requested tarballs
 */
export async function serve(tarballs, others) {
  const asked = new Set();
  const documents = new Map();
  const files = new Map(tarballs.map((file) => [basename(file), readFileSync(file)]));
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url.slice(1));
    const file = files.get(path);
    if (path.endsWith('.tgz')) asked.add(path);
    const body = file ?? documents.get(path);
    response.writeHead(body ? 200 : 404, { 'content-type': file ? 'application/octet-stream' : 'application/json' });
    response.end(body ?? '{"error":"not found"}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}/`;
  for (const tarball of tarballs) {
    const manifest = manifestOf(tarball);
    documents.set(manifest.name, JSON.stringify(document(manifest, dist(tarball, url))));
  }
  for (const manifest of others) {
    const tarball = `${url}${manifest.name}-${manifest.version}.tgz`;
    documents.set(manifest.name, JSON.stringify(document(manifest, { tarball, ...digests('') })));
  }
  return { url, asked, close: () => server.close() };
}

/** Returns the manifest in a tarball. */
export function manifestOf(tarball) {
  return JSON.parse(execFileSync('tar', ['-xzOf', tarball, 'package/package.json'], { encoding: 'utf8' }));
}

function dist(tarball, url) {
  return { tarball: `${url}${basename(tarball)}`, ...digests(readFileSync(tarball)) };
}

function digests(bytes) {
  const digest = (hash, encoding) => createHash(hash).update(bytes).digest(encoding);
  return { shasum: digest('sha1', 'hex'), integrity: `sha512-${digest('sha512', 'base64')}` };
}

/** Returns a registry's document for a package with one version. */
function document(manifest, dist) {
  const { name, version } = manifest;
  return {
    _id: name,
    name,
    'dist-tags': { latest: version },
    versions: { [version]: { _id: `${name}@${version}`, ...manifest, dist } },
    time: { created: PUBLISHED, modified: PUBLISHED, [version]: PUBLISHED },
  };
}
