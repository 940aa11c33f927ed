import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new folder that goes away with the test. */
export function scratch(t) {
  const folder = mkdtempSync(join(tmpdir(), 'crossfork-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
