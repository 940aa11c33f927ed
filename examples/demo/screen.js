'use strict';

// Where the demo is shown: redrawn in place on a terminal; only the end elsewhere. It can be recorded as an animated SVG.
const { writeFileSync } = require('node:fs');

const STYLES = { bold: 1, green: 32, red: 31, plain: 0 };
const LINES = 10;

class Screen {
  #out;
  #file;
  #started = performance.now();
  #frames = [];
  #drawn = 0;

  constructor(out, file) {
    this.#out = out;
    this.#file = file;
  }

  /** @param {[keyof typeof STYLES, string][]} lines */
  show(lines) {
    this.#frames.push({ time: performance.now() - this.#started, lines });
    if (this.#out.isTTY) this.#draw(lines);
  }

  end() {
    if (!this.#out.isTTY) this.#draw(this.#frames.at(-1).lines);
    if (this.#file) writeFileSync(this.#file, svg(this.#frames));
  }

  #draw(lines) {
    const back = this.#drawn > 0 ? `\x1b[${this.#drawn}A` : '';
    const styled = (style, text) => (this.#out.isTTY ? `\x1b[${STYLES[style]}m${text}\x1b[0m\x1b[K` : text);
    this.#out.write(`${back}${lines.map(([style, text]) => styled(style, text)).join('\n')}\n`);
    this.#drawn = lines.length;
  }
}

const PAUSE = 3000; // how long the last frame stays, before all begins again
const [WIDTH, LINE] = [760, 20];

/** Each frame is a group that is visible during its part of one endless animation. */
function svg(frames) {
  const total = frames.at(-1).time + PAUSE;
  const percent = (time) => ((time / total) * 100).toFixed(2);
  const keyframes = frames.map(({ time }, i) => {
    const [from, to] = [percent(i === 0 ? 0 : time), percent(frames[i + 1]?.time ?? total)];
    const hidden = i === 0 ? '' : '0%{visibility:hidden}';
    return `@keyframes f${i}{${hidden}${from}%{visibility:visible}${to}%,100%{visibility:${i === frames.length - 1 ? 'visible' : 'hidden'}}}`;
  });
  const groups = frames.map(({ lines }, i) => {
    const rows = lines.map(([style, text], row) => {
      return (
        text &&
        `<text class="${style}" x="16" y="${(row + 1) * LINE + 12}" xml:space="preserve">${escaped(text)}</text>`
      );
    });
    return `<g style="animation:f${i} ${(total / 1000).toFixed(2)}s step-end infinite">${rows.join('')}</g>`;
  });
  const height = LINES * LINE + 16;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img">
<title>A Node process hands requests to Rust workers. One worker is killed, and no request is lost.</title>
<style>
text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#d0d7de}
.bold{font-weight:bold;fill:#fff}.green{fill:#7ee787}.red{fill:#ff7b72}
g{visibility:hidden}
${keyframes.join('\n')}
</style>
<rect width="${WIDTH}" height="${height}" rx="8" fill="#161b22"/>
${groups.join('\n')}
</svg>
`;
}

function escaped(text) {
  return text.replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c]);
}

module.exports = { Screen };
