// All exams: how often each contestant takes one, and what of several rounds is shown.
import { median } from '../../figures.mjs';
import { cost } from './cost.mjs';
import { deploys } from './deploys.mjs';
import { handover } from './handover.mjs';
import { kills } from './kills.mjs';
import { poison } from './poison.mjs';
import { preload } from './preload.mjs';

const once = { quick: 1, normal: 1, full: 1 };
const sum = (values) => values.reduce((total, each) => total + each, 0);
const short = (value) => Number(value.toPrecision(3)).toString();

/**
 * @typedef {Record<string, number>} Figures
 * @typedef {object} Exam
 * @property {string} title
 * @property {{ quick: number, normal: number, full: number }} rounds
 * @property {string[]} [contestants] who takes it, if not all do
 * @property {boolean} [needsWrk]
 * @property {boolean} [isLight] whether all contestants may take it at once, if there is little time
 * @property {(values: number[]) => number} reduce
 * @property {string[]} records which figures are recorded
 * @property {(figures: Figures) => string} show
 * @property {(contestant: string, setup: object) => Promise<{ title: string, figures: Figures }[]>} run
 */

/** @type {Record<string, Exam>} */
export const EXAMS = {
  handover: {
    title: 'Requests lost in a reload and in a stop under load; in brackets: connections refused',
    rounds: once,
    reduce: sum,
    records: ['lost', 'asked', 'refused'],
    show: lost,
    run: handover,
  },
  kills: {
    title: 'Requests lost while workers are killed',
    rounds: once,
    reduce: sum,
    records: ['lost', 'hung', 'asked', 'killed'],
    show: lost,
    run: kills,
  },
  poison: {
    title: 'Requests answered while one a second ends its worker',
    rounds: once,
    isLight: true,
    reduce: sum,
    records: ['ok', 'asked'],
    show: answered,
    run: poison,
  },
  deploys: {
    title: 'Requests answered after a bad deploy',
    rounds: once,
    isLight: true,
    reduce: sum,
    records: ['ok', 'asked'],
    show: answered,
    run: deploys,
  },
  cost: {
    title: 'What serving costs, all processes together',
    rounds: { quick: 1, normal: 5, full: 5 },
    needsWrk: true,
    reduce: median,
    records: ['value'],
    show: ({ value }) => short(value),
    run: cost,
  },
  preload: {
    title: "Processor time of the workers with the preload, compared with --no-shim's",
    rounds: once,
    contestants: ['crossfork run'],
    needsWrk: true,
    reduce: median,
    records: ['value', 'least', 'most'],
    show: ({ value, least, most }) => `${signed(value)} % (${signed(least)} to ${signed(most)})`,
    run: preload,
  },
};

const signed = (value) => `${value < 0 ? '' : '+'}${value.toFixed(1)}`;

/** Such as `3 of 120: 2 reset, 1 hung (7 refused)`. */
function lost({ lost, asked, refused, reset, hung, wrong, unfinished }) {
  if (asked === undefined) return 'threads';
  const kinds = Object.entries({ reset, hung, wrong }).filter(([, count]) => count > 0);
  const detail = kinds.length > 0 ? `: ${kinds.map(([name, count]) => `${count} ${name}`).join(', ')}` : '';
  const apart = refused > 0 ? ` (${refused})` : '';
  return `${lost} of ${asked - refused}${detail}${apart}${unfinished ? ', unfinished' : ''}`;
}

function answered({ asked, ok }) {
  return `${((ok / asked) * 100).toFixed(1)} % of ${asked}`;
}
