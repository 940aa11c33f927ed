// The platforms with prebuilt files. Each has its own package.

/** The newest glibc that files for `gnu` platforms may need: that of RHEL 7 and of Node's oldest builds. */
export const GLIBC = '2.17';

export const PLATFORMS = [
  { name: 'linux-x64-gnu', target: 'x86_64-unknown-linux-gnu', os: 'linux', cpu: 'x64', libc: 'glibc' },
  { name: 'linux-arm64-gnu', target: 'aarch64-unknown-linux-gnu', os: 'linux', cpu: 'arm64', libc: 'glibc' },
  { name: 'linux-x64-musl', target: 'x86_64-unknown-linux-musl', os: 'linux', cpu: 'x64', libc: 'musl' },
  { name: 'linux-arm64-musl', target: 'aarch64-unknown-linux-musl', os: 'linux', cpu: 'arm64', libc: 'musl' },
];

/** Returns the platforms with these names. */
export function platforms(names) {
  return names.map((name) => {
    const platform = PLATFORMS.find((one) => one.name === name);
    if (platform) return platform;
    throw new Error(`Unknown platform ${name}. Use one of: ${PLATFORMS.map(({ name }) => name).join(', ')}.`);
  });
}
