// The platforms for which files are built in advance, each a package of its own.

/** The oldest glibc that the files for `gnu` platforms may need: that of RHEL 7, and of Node's oldest builds. */
export const GLIBC = '2.17';

export const PLATFORMS = [
  { name: 'linux-x64-gnu', target: 'x86_64-unknown-linux-gnu', os: 'linux', cpu: 'x64', libc: 'glibc' },
  { name: 'linux-arm64-gnu', target: 'aarch64-unknown-linux-gnu', os: 'linux', cpu: 'arm64', libc: 'glibc' },
  { name: 'linux-x64-musl', target: 'x86_64-unknown-linux-musl', os: 'linux', cpu: 'x64', libc: 'musl' },
  { name: 'linux-arm64-musl', target: 'aarch64-unknown-linux-musl', os: 'linux', cpu: 'arm64', libc: 'musl' },
];

/** The platforms of these names. */
export function platforms(names) {
  return names.map((name) => {
    const platform = PLATFORMS.find((one) => one.name === name);
    if (platform) return platform;
    throw new Error(`There is no platform ${name}, only ${PLATFORMS.map(({ name }) => name).join(', ')}.`);
  });
}
