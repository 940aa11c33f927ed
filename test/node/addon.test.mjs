// The addon in every runtime: each file of inside/ is a program that runs its scenarios.
import { join } from 'node:path';
import { commandLine } from '../runtimes/index.mjs';
import { runInside } from './inside.mjs';
import './native.mjs';

/** Arguments that let the program trigger a garbage collection. */
const collectable = {
  node: (first) => ['--expose-gc', first],
  bun: (first) => [first],
  deno: (first) => [first, '--v8-flags=--expose-gc'],
};

runInside('addon', join(import.meta.dirname, 'inside'), {
  args: (runtime, script) => {
    const [first, ...rest] = commandLine(runtime, script);
    return [...collectable[runtime.kind](first), ...rest];
  },
});
