// A reload starts a bad release: how many requests are answered then?
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CONTESTANTS } from '../contestants.mjs';
import { Load } from '../loads.mjs';
import { Runner } from '../runner.mjs';

/** What is wrong with each, by the name that the program knows. */
const RELEASES = {
  throws: 'throws at its start',
  silent: 'never listens',
  crashes: 'exits after a second',
  errors: 'answers 500',
};
/** Longer than the time in which a new worker must listen. */
const SECONDS = { quick: 9, normal: 20, full: 20 };
const LISTEN_SECONDS = 5;

export async function deploys(name, { size, ...setup }) {
  const { checksAnswers } = CONTESTANTS[name];
  const possible = Object.keys(RELEASES).filter((release) => release !== 'errors' || (checksAnswers && setup.canCheck));
  const folder = mkdtempSync(join(tmpdir(), 'crossfork-bench-'));
  try {
    // At once, for most of the time each only waits.
    return await Promise.all(
      possible.map((release) => deploy(name, setup, release, join(folder, release), SECONDS[size])),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function deploy(name, setup, release, file, seconds) {
  writeFileSync(file, '');
  const readyUrl = release === 'errors' ? '/' : undefined;
  const what = { ...setup, readyUrl, listenSeconds: LISTEN_SECONDS, env: { DEPLOY: file } };
  const runner = await Runner.start(name, what);
  const load = new Load({ port: runner.port, kind: 'open loop', perSecond: 50 });
  try {
    writeFileSync(file, release);
    // It may fail, and it may take longer.
    runner.reload().catch(() => {});
    await sleep(seconds * 1000);
    const tally = await load.stop();
    return { title: RELEASES[release], figures: tally.figures };
  } finally {
    await load.stop();
    await runner.close();
  }
}
