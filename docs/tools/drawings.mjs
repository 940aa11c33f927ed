// The pictures of the front page, for light and dark pages.

export const THEMES = {
  light: { text: '#1f2328', faint: '#59636e', line: '#818b98', node: '#2da44e', rust: '#bc4c00', box: '#f6f8fa' },
  dark: { text: '#f0f6fc', faint: '#9198a1', line: '#6e7681', node: '#3fb950', rust: '#f0883e', box: '#151b23' },
};

const FONT = 'font-family="system-ui,-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif"';

const svg = (
  width,
  height,
  title,
  body,
) => `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" ${FONT}>
<title>${title}</title>
${body.flat().join('\n')}
</svg>
`;

const text = (x, y, size, fill, words, more = '') =>
  `<text x="${x}" y="${y}" font-size="${size}" fill="${fill}" text-anchor="middle" ${more}>${words}</text>`;

/** Who talks to whom: a Node parent with Rust children, a Rust parent with Node children, and descriptors to anybody. */
export function picture(c) {
  const box = (x, y, colour, name, what) => [
    `<rect x="${x}" y="${y}" width="170" height="52" rx="8" fill="${c.box}" stroke="${colour}" stroke-width="2"/>`,
    text(x + 85, y + 22, 15, colour, name, 'font-weight="600"'),
    text(x + 85, y + 40, 12, c.faint, what),
  ];
  const arrow = (x1, y1, x2, y2) =>
    `<path d="M${x1} ${y1}L${x2} ${y2}" stroke="${c.line}" stroke-width="1.5" marker-start="url(#a)" marker-end="url(#a)"/>`;
  const head = `<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" fill="${c.line}"/></marker></defs>`;
  const column = (x, title, parent, left, right) => [
    text(x + 180, 22, 14, c.text, title, 'font-weight="600"'),
    box(x + 95, 38, ...parent),
    box(x, 158, ...left),
    box(x + 190, 158, ...right),
    arrow(x + 155, 92, x + 90, 156),
    arrow(x + 205, 92, x + 270, 156),
  ];
  const label = (x, words) => text(x, 146, 12, c.faint, words);
  return svg(
    1180,
    222,
    'Node forks Rust workers, Rust forks Node workers, and Node passes descriptors to any program',
    [
      head,
      column(
        10,
        'Rust as the child',
        [c.node, 'Node', 'fork(), cluster'],
        [c.rust, 'Rust', 'forked worker'],
        [c.rust, 'Rust', 'cluster worker'],
      ),
      label(190, 'messages, sockets'),
      column(
        410,
        'Rust as the parent',
        [c.rust, 'Rust', 'Fork, cluster::Primary'],
        [c.node, 'Node', 'forked worker'],
        [c.node, 'Node', 'cluster worker'],
      ),
      label(590, 'messages, sockets'),
      column(
        810,
        'Descriptors for Node',
        [c.node, 'Node, Bun, Deno', 'FdSocket'],
        [c.rust, 'Rust', 'crossfork::fd'],
        [c.faint, 'any program', 'C, Python, ...'],
      ),
      label(990, 'file descriptors'),
    ],
  );
}

/** A bar for each figure: what a Rust child needs, beside what a Node child needs for the same. */
export function chart(figures, c) {
  const [left, width, step] = [250, 460, 46];
  const rows = figures.map(({ label, value }, i) => {
    const y = 44 + i * step;
    const bar = Math.max(2, Math.round(width * Math.min(value, 1)));
    return [
      `<text x="${left - 14}" y="${y + 19}" font-size="14" fill="${c.text}" text-anchor="end">${label}</text>`,
      `<rect x="${left}" y="${y}" width="${width}" height="12" rx="3" fill="${c.node}" opacity="0.55"/>`,
      `<rect x="${left}" y="${y + 15}" width="${bar}" height="12" rx="3" fill="${c.rust}"/>`,
      `<text x="${left + bar + 8}" y="${y + 26}" font-size="13" fill="${c.text}">${value.toFixed(2)}</text>`,
    ];
  });
  const key = [
    `<rect x="${left}" y="14" width="12" height="12" rx="3" fill="${c.node}" opacity="0.55"/>`,
    `<text x="${left + 18}" y="25" font-size="13" fill="${c.faint}">Node child (1.00)</text>`,
    `<rect x="${left + 150}" y="14" width="12" height="12" rx="3" fill="${c.rust}"/>`,
    `<text x="${left + 168}" y="25" font-size="13" fill="${c.faint}">Rust child: shorter is better</text>`,
  ];
  return svg(780, 44 + figures.length * step, 'What a Rust child needs of what a Node child needs for the same work', [
    key,
    rows,
  ]);
}
