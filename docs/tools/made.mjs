// What is made for the documents: texts by the name that they ask for, and images by their paths.
import { execFileSync } from 'node:child_process';
import { gapsOf as childGaps } from '../../test/interop/gaps.mjs';
import { gapsOf as parentGaps } from '../../test/interop/parent-gaps.mjs';
import { chart, picture, THEMES } from './drawings.mjs';
import * as figures from './figures.mjs';
import * as run from './run-figures.mjs';

/** @type {Record<string, (tools: { command: string }) => string>} `command` is the path of a `crossfork` that is built */
export const made = {
  why: () => bullets(figures.why().map(({ text }) => text)),
  'bench-messages': figures.messages,
  'bench-processes': figures.processes,
  'bench-modes': figures.modes,
  'bench-cluster': figures.cluster,
  'bench-calls': figures.calls,
  'bench-calls-beside': figures.callsBeside,
  'bench-fd': figures.fd,
  'bench-run': run.summary,
  'bench-run-handover': run.handover,
  'bench-run-cost': run.cost,
  'bench-run-preload': run.preload,
  'bench-how': figures.how,
  'gaps-of-parents': () => gapTables(childGaps),
  'gaps-of-children': () => gapTables(parentGaps),
  'run-help': ({ command }) => `\`\`\`text\n${help(command, 'run')}\n\`\`\``,
  'worker-help': ({ command }) => `\`\`\`text\n${help(command, 'worker')}\n\`\`\``,
};

export function images() {
  const drawn = Object.entries(THEMES).flatMap(([theme, colours]) => [
    [`docs/public/who-${theme}.svg`, picture(colours)],
    [`docs/public/why-${theme}.svg`, chart(figures.why(), colours)],
  ]);
  return Object.fromEntries(drawn);
}

const bullets = (texts) => texts.map((text) => `- ${text}`).join('\n');

function help(command, subcommand) {
  return execFileSync(command, [subcommand, '--help'], { encoding: 'utf8' }).trim();
}

/** The scenarios of each runtime that cannot pass, by their names in the tests. */
function gapTables(gapsOf) {
  return ['bun', 'deno'].map((runtime) => gapTable(runtime, gapsOf(runtime))).join('\n\n');
}

function gapTable(runtime, gaps) {
  const name = { bun: 'Bun', deno: 'Deno' }[runtime];
  const byReason = grouped(gaps);
  const rows = [...byReason].map(([reason, found]) => {
    return `| ${found.map(({ scenario }) => `\`${scenario}\``).join('<br>')} | ${reason} |`;
  });
  return [`| ${name}: what fails | why |`, '|---|---|', ...rows].join('\n');
}

// Node 20 has no Map.groupBy.
function grouped(gaps) {
  const groups = new Map();
  for (const gap of gaps) groups.set(gap.reason, [...(groups.get(gap.reason) ?? []), gap]);
  return groups;
}
