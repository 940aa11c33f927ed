// Calls, streams and pools in every runtime: each file of calls/inside/ is a program that runs its scenarios.
import { join } from 'node:path';
import { TIER } from '../cells.mjs';
import { runInside } from './inside.mjs';

runInside('calls', join(import.meta.dirname, 'calls/inside'), { deadline: TIER === 'full' ? 3_600_000 : 400_000 });
