// Frameworks that are large, or that build a server first. The packages are installed when somebody asks for them.
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { install } from '../install.mjs';

const BUILD_DEADLINE = 300_000;

/** No figures about us are collected, and nothing is left in the folder for temporary files. */
const SILENT = { NEXT_TELEMETRY_DISABLED: '1', NUXT_TELEMETRY_DISABLED: '1', JITI_FS_CACHE: 'false', CI: 'true' };

/** Installs the packages. */
export const prepare = () => install(import.meta.dirname);

/** The path of a program here, or of a file of a package. */
export const site = (...path) => join(import.meta.dirname, ...path);

/**
 * Builds a copy of a folder, beside the packages, and removes it when this process ends.
 * @param {string} command the package's own command, a path below `node_modules`
 * @returns {Promise<string>} the folder
 */
export async function build(runtime, name, command, env = {}) {
  const folder = mkdtempSync(site(`.building-${name}-`));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  cpSync(site(name), folder, { recursive: true });
  const options = { cwd: folder, env: { ...process.env, ...SILENT, ...env }, timeout: BUILD_DEADLINE };
  await promisify(execFile)(runtime.bin, [site('node_modules', command), 'build'], options);
  return folder;
}
