'use strict';

// Values that are easily lost on the way; the parent has the same list.

module.exports.odd = [
  '\ud800',
  'a\udfffb',
  '😀',
  '\u{10ffff}',
  '\u2028\u2029',
  '\u0000\u001f\u007f',
  '\ufeff',
  '',
  null,
  true,
  0,
  -1.5,
  1e21,
  2 ** 53,
];
