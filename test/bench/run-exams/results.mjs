// What all contestants have shown, as a table and as what is recorded.
import { EXAMS } from './exams/index.mjs';

export class Results {
  /** By exam, title and contestant: a list for each figure. */
  #lists = new Map();
  #names;

  constructor(names) {
    this.#names = names;
  }

  add({ exam, title, contestant, figures }) {
    const titles = at(this.#lists, exam, () => new Map());
    const contestants = at(titles, title, () => new Map());
    const lists = at(contestants, contestant, () => ({}));
    for (const [name, value] of Object.entries(figures)) lists[name] = [...(lists[name] ?? []), value];
  }

  table() {
    const rows = [...this.#lists].flatMap(([exam, titles]) => {
      const { title, show } = EXAMS[exam];
      const lines = [...titles].map(([each, contestants]) => [
        `  ${each}`,
        ...this.#names.map((name) => (contestants.has(name) ? show(this.#reduced(exam, contestants.get(name))) : '')),
      ]);
      return [[''], [title], ['', ...this.#names], ...lines];
    });
    return rows.map((cells) => aligned(cells, rows)).join('\n');
  }

  /** Each title and figure, with a number for each contestant. */
  figures() {
    const all = {};
    for (const [exam, titles] of this.#lists) {
      for (const [title, contestants] of titles) {
        for (const [name, lists] of contestants) {
          const reduced = this.#reduced(exam, lists);
          for (const figure of EXAMS[exam].records.filter((each) => each in reduced)) {
            const key = `${exam}, ${title}: ${figure}`;
            all[key] = { ...all[key], [name]: reduced[figure] };
          }
        }
      }
    }
    return all;
  }

  #reduced(exam, lists) {
    return Object.fromEntries(Object.entries(lists).map(([name, values]) => [name, EXAMS[exam].reduce(values)]));
  }
}

function at(map, key, make) {
  if (!map.has(key)) map.set(key, make());
  return map.get(key);
}

function aligned(cells, rows) {
  const width = (i) => Math.max(...rows.filter(({ length }) => length > 1).map((row) => row[i]?.length ?? 0));
  if (cells.length === 1) return cells[0];
  return cells
    .map((cell, i) => cell.padEnd(width(i)))
    .join('  ')
    .trimEnd();
}
