// What is in a document: blocks of code, links, headings.
/**
 * The fenced blocks, in order. `file` is where the block comes from, if `npm run docs:write` puts it there.
 * @returns {{ language: string, text: string, file?: string, at: number }[]}
 */
export function blocks(markdown) {
  const found = markdown.matchAll(/(?:<!-- file: (\S+?)(?:;.*?)? -->\n+)?^```(\S*)\n([\s\S]*?)^```$/gm);
  return [...found].map(({ 1: file, 2: language, 3: text, index }) => ({ file, language, text, at: index }));
}

/** The lines of `sh` blocks, without comments. */
export function commands(markdown) {
  const lines = blocks(markdown).filter(({ language }) => language === 'sh');
  return lines
    .flatMap(({ text }) => text.split('\n'))
    .map((line) => line.replace(/#.*/, '').trim())
    .filter(Boolean);
}

const prose = (markdown) => markdown.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, '``');

/** The targets of all links and images. */
export function links(markdown) {
  const text = prose(markdown);
  const found = [...text.matchAll(/\]\(([^)\s]+)\)/g), ...text.matchAll(/\s(?:src|srcset|href)="([^"]+)"/g)];
  return found.map(([, target]) => target);
}

/** What the host of the repository makes of each heading, so that it can be linked to. */
export function anchors(markdown) {
  const ids = [...markdown.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  const headings = [...markdown.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/^#+ (.*)$/gm)];
  const titles = headings.map(([, title]) =>
    title
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
  return [...ids, ...titles];
}
