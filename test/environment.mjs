// What tests get from the environment of whoever runs them: as little as possible. Importing this file cleans the
// environment of this process, and so that of all that it starts.
import { mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Variables that change what Node, cargo, a shell, or the programs under test do. */
const FOREIGN = [
  ...['NODE_OPTIONS', 'NODE_PATH', 'NODE_ENV', 'NODE_DEBUG', 'NODE_NO_WARNINGS', 'NODE_PENDING_DEPRECATION'],
  ...['NODE_CHANNEL_FD', 'NODE_CHANNEL_SERIALIZATION_MODE', 'NODE_UNIQUE_ID', 'NODE_CLUSTER_SCHED_POLICY'],
  ...['NODE_APP_INSTANCE', 'LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES', 'NOTIFY_SOCKET', 'PORT', 'HOST'],
  ...['FORCE_COLOR', 'NO_COLOR', 'NODE_DISABLE_COLORS', 'CLICOLOR', 'CLICOLOR_FORCE', 'COLORTERM'],
  ...['CARGO_TERM_COLOR', 'RUST_LOG', 'RUST_TEST_THREADS', 'RUST_BACKTRACE'],
  ...['BASH_ENV', 'ENV', 'CDPATH', 'POSIXLY_CORRECT', 'TZ', 'LANG', 'LANGUAGE'],
  ...['CROSSFORK_BIN', 'CROSSFORK_NODE', 'CROSSFORK_EXAMPLES', 'CROSSFORK_TURN'],
];

/** The path of a socket has room for some hundred bytes, and a test's folder and file names need most of them. */
const LONGEST_FOLDER = 40;

for (const name of Object.keys(process.env)) {
  if (FOREIGN.includes(name) || name.startsWith('LC_')) delete process.env[name];
}
// Some tests look at the permissions of what was made.
process.umask(0o022);

/** A new folder, in the system's folder for temporary files or, where that cannot be used, in /tmp. */
export function temporaryFolder(name) {
  const usable = (folder) =>
    folder.length <= LONGEST_FOLDER && statSync(folder, { throwIfNoEntry: false })?.isDirectory();
  return mkdtempSync(join([tmpdir(), '/tmp'].find(usable) ?? tmpdir(), name));
}
