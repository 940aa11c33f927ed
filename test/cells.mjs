// The cells of a test matrix, and which of them a run has.
//
// A suite names its dimensions once. Every possible combination is a cell, and each cell has a tier: 'quick' cells are run by
// `npm test`, and all cells by `npm run test:full`. The quick cells are chosen so that every pair of values that occurs in
// some cell occurs in a quick one too: a covering array, made greedily and always the same way.
//
//   CROSSFORK_TIER=full   all cells ('quick' without it)
//   CROSSFORK_SHARD=2/5   the second of five equal parts of the cells

/**
 * @typedef {Record<string, string>} Values a value for each dimension
 * @typedef {Values & { tier: 'quick' | 'full', heavy: boolean, onlyHeavy: boolean, turn?: string }} Cell
 *   `turn`: which of its scenarios it runs, as CROSSFORK_TURN has it (test/interop/kit/turn.cjs); all without it
 * @typedef {{ names: string[], when?: (values: Values) => boolean }} Cover
 *   the dimensions whose combinations must all occur in quick cells, where they occur in cells that `when` accepts
 */

/**
 * @param {Record<string, string[]>} dimensions
 * @param {object} [options]
 * @param {(values: Values) => boolean} [options.possible] which combinations are cells at all
 * @param {(values: Values) => boolean} [options.heavy] the cells that run the heavy scenarios in the quick tier too
 * @param {(values: Values) => boolean} [options.onlyHeavy] the cells in which all scenarios are heavy: in the quick tier
 *   only those of `heavy` are run
 * @param {(values: Values) => string | undefined} [options.turn] which scenarios a cell runs in the quick tier, unless it
 *   runs the heavy ones: for cells that differ little
 * @param {Cover[]} [options.cover] what the quick cells cover: all pairs of dimensions, and what is given here
 * @returns {Cell[]}
 */
export function cells(
  dimensions,
  { possible = always, heavy = never, onlyHeavy = never, turn = none, cover = [] } = {},
) {
  const all = product(Object.entries(dimensions)).filter(possible);
  const light = all.filter((values) => heavy(values) || !onlyHeavy(values));
  const quick = covering(light, [...pairsOf(Object.keys(dimensions)), ...cover], heavy);
  return all.map((values) => ({
    ...values,
    tier: quick.has(values) ? 'quick' : 'full',
    heavy: heavy(values),
    onlyHeavy: onlyHeavy(values),
    turn: heavy(values) ? undefined : turn(values),
  }));
}

const always = () => true;
const never = () => false;
const none = () => undefined;

/** How many tests of a file run at once: most wait most of the time, so that they are more than there are processors. */
export const AT_ONCE = 4;

/** The tier of this run. */
export const TIER = tierOf(process.env.CROSSFORK_TIER);

const SHARD = shardOf(process.env.CROSSFORK_SHARD);

/** The cells of this run's tier and shard. In the full tier every cell runs all of its scenarios, heavy ones too. */
export function selected(cells, tier = TIER, shard = SHARD) {
  return cells
    .filter((cell) => tier === 'full' || cell.tier === 'quick')
    .filter((_, i) => i % shard.count === shard.index)
    .map((cell) => (tier === 'full' ? { ...cell, heavy: true, turn: undefined } : cell));
}

/** The combinations that occur in `all`, but for heavy cells, and in none of `chosen`, as texts. */
export function uncovered(all, chosen, covers = pairsOf(dimensionsOf(all))) {
  const seen = new Set(chosen.flatMap((cell) => combinations(cell, covers)));
  return [...new Set(all.filter(({ onlyHeavy }) => !onlyHeavy).flatMap((cell) => combinations(cell, covers)))].filter(
    (one) => !seen.has(one),
  );
}

export function pairsOf(names) {
  return names.flatMap((one, i) => names.slice(i + 1).map((other) => ({ names: [one, other] })));
}

function dimensionsOf([cell = {}]) {
  return Object.keys(cell).filter((name) => !['tier', 'heavy', 'onlyHeavy', 'turn'].includes(name));
}

function product([[name, values] = [], ...rest]) {
  if (name === undefined) return [{}];
  return values.flatMap((value) => product(rest).map((others) => ({ [name]: value, ...others })));
}

/** Takes the cells of `first`, and then again and again the cell that has most of what is missing. */
function covering(all, covers, first) {
  const open = new Map(all.map((cell) => [cell, combinations(cell, covers)]));
  const missing = new Set([...open.values()].flat());
  const chosen = new Set();
  const take = (cell) => {
    chosen.add(cell);
    for (const one of open.get(cell)) missing.delete(one);
    open.delete(cell);
  };
  for (const cell of all.filter(first)) take(cell);
  while (missing.size > 0) {
    let best;
    let most = 0;
    for (const [cell, own] of open) {
      const count = own.filter((one) => missing.has(one)).length;
      if (count > most) [best, most] = [cell, count];
    }
    take(best);
  }
  return chosen;
}

function combinations(cell, covers) {
  return covers
    .filter(({ when }) => when === undefined || when(cell))
    .map(({ names }) => names.map((name) => `${name} ${cell[name]}`).join(', '));
}

/** @throws {Error} if it is neither of the two */
export function tierOf(text = 'quick') {
  if (text !== 'quick' && text !== 'full') throw new Error(`CROSSFORK_TIER is ${text}: it must be quick or full.`);
  return text;
}

/** @throws {Error} if it is not a part and a number of parts, such as 2/5 */
export function shardOf(text = '1/1') {
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(text)?.map(Number) ?? [];
  if (!(index >= 1 && index <= count)) throw new Error(`CROSSFORK_SHARD is ${text}: it must be like 2/5.`);
  return { index: index - 1, count };
}
