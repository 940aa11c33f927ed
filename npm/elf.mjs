// Reads what an ELF file needs at run time, and which traces of the build machine it contains.
import { readFileSync } from 'node:fs';

const MACHINES = { 62: 'x64', 183: 'arm64' };
const SECTION = { symbols: 2, dynamic: 6, versionsNeeded: 0x6ffffffe };
const NEEDED = 1;

/** Returns `{ cpu, needed, versions, sections }`: needed libraries, versions of their symbols, and sections. */
export function readElf(file) {
  const bytes = readFileSync(file);
  if (bytes.readUInt32BE(0) !== 0x7f454c46 || bytes[4] !== 2 || bytes[5] !== 1) {
    throw new Error(`${file} is not a 64-bit little-endian ELF file.`);
  }
  const text = (at) => bytes.toString('latin1', at, bytes.indexOf(0, at));
  const number = (at) => Number(bytes.readBigUInt64LE(at));
  const start = number(40);
  const sections = Array.from({ length: bytes.readUInt16LE(60) }, (_, i) => {
    const at = start + i * bytes.readUInt16LE(58);
    const [name, type] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)];
    return { name, type, offset: number(at + 24), size: number(at + 32), link: bytes.readUInt32LE(at + 40) };
  });
  const names = sections[bytes.readUInt16LE(62)].offset;
  for (const section of sections) section.name = text(names + section.name);

  const needed = [];
  for (const { offset, size, link } of sections.filter(({ type }) => type === SECTION.dynamic)) {
    for (let at = offset; at < offset + size; at += 16) {
      if (number(at) === NEEDED) needed.push(text(sections[link].offset + number(at + 8)));
    }
  }
  const versions = new Set();
  for (const { offset, link } of sections.filter(({ type }) => type === SECTION.versionsNeeded)) {
    for (let library = offset, next = 1; next; library += next) {
      let at = library + bytes.readUInt32LE(library + 8);
      for (let left = bytes.readUInt16LE(library + 2); left > 0; left--, at += bytes.readUInt32LE(at + 12)) {
        versions.add(text(sections[link].offset + bytes.readUInt32LE(at + 8)));
      }
      next = bytes.readUInt32LE(library + 12);
    }
  }
  return { cpu: MACHINES[bytes.readUInt16LE(18)], needed, versions: [...versions], sections };
}

/** Returns the newest glibc version that a symbol of the file needs, such as 2.17. Undefined if it needs none. */
export function newestGlibc({ versions }) {
  const found = versions.map((version) => /^GLIBC_([\d.]+)$/.exec(version)?.[1]).filter(Boolean);
  return found.sort(compareVersions).at(-1);
}

function compareVersions(a, b) {
  const [x, y] = [a, b].map((version) => version.split('.').map(Number));
  return x[0] - y[0] || (x[1] ?? 0) - (y[1] ?? 0) || (x[2] ?? 0) - (y[2] ?? 0);
}

/** Returns the reasons why the file cannot be in the package of this platform, one sentence each. */
export function mismatches(file, { cpu, libc }, glibc) {
  const elf = readElf(file);
  const found = [];
  if (elf.cpu !== cpu) found.push(`is for ${elf.cpu}, not for ${cpu}`);
  const newest = newestGlibc(elf);
  if (libc === 'glibc' && !newest) found.push('uses no glibc symbol');
  if (libc === 'musl' && newest) found.push('needs glibc');
  if (libc === 'glibc' && newest && compareVersions(newest, glibc) > 0) {
    found.push(`needs glibc ${newest}, but ${glibc} is the newest allowed`);
  }
  const libraries = elf.needed.filter(
    (name) => !/^(ld-linux[\w-]*|lib(c|m|dl|rt|util|pthread|gcc_s))\.so|^libc\.musl-/.test(name),
  );
  if (libraries.length > 0) found.push(`needs ${libraries.join(', ')}`);
  return found.map((problem) => `${file} ${problem}.`);
}

/** Returns the traces of the build machine in the file, one sentence each. The file must not contain `folders`. */
export function buildTraces(file, folders) {
  const { sections } = readElf(file);
  const text = readFileSync(file, 'latin1');
  const found = folders.filter((folder) => text.includes(folder)).map((folder) => `contains the build path ${folder}`);
  const debug = sections.filter(({ name, type }) => type === SECTION.symbols || name.startsWith('.debug'));
  if (debug.length > 0) found.push(`is not stripped: it has ${debug.map(({ name }) => name).join(', ')}`);
  return found.map((problem) => `${file} ${problem}.`);
}
