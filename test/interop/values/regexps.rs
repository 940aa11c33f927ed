//! Regular expressions of which this crate says that every Node takes them: made without any
//! understanding, so that it is its understanding that is tested.

use std::collections::BTreeSet;

use crossfork::v8::{RegExp, RegExpFlags, Value};

/// What expressions are made of, and what looks like it.
const PARTS: &[&str] = &[
    "(",
    ")",
    "(?:",
    "(?=",
    "(?!",
    "(?<=",
    "(?<!",
    "(?<a>",
    "(?<b>",
    "(?<k_1>",
    "[",
    "]",
    "[^",
    "{",
    "}",
    "{2}",
    "{2,}",
    "{2,3}",
    "{0,0}",
    "{3,2}",
    "|",
    "^",
    "$",
    "*",
    "+",
    "?",
    ".",
    "-",
    "/",
    "\\",
    ",",
    ":",
    "=",
    "!",
    "<",
    ">",
    "&",
    "&&",
    "~",
    "#",
    "%",
    "@",
    "'",
    "\"",
    "`",
    ";",
    " ",
    "_",
    "a",
    "b",
    "z",
    "A",
    "Z",
    "0",
    "9",
    "k",
    "u",
    "x41",
    "u0041",
    "ud800",
    "u{41}",
    "p{L}",
    "d",
    "w",
    "s",
    "c",
    "cA",
    "q{a}",
    "\\d",
    "\\W",
    "\\s",
    "\\b",
    "\\B",
    "\\-",
    "\\]",
    "\\[",
    "\\\\",
    "\\/",
    "\\^",
    "\\n",
    "\\v",
    "\\x41",
    "\\x7e",
    "\\u0041",
    "\\u00e9",
    "\\u20ac",
    "a-z",
    "0-9",
    "--",
    "::",
    "..",
    "\u{e9}",
    "\u{17f}",
    "\u{212a}",
    "\u{fffe}",
    "\u{1f600}",
    "\0",
    "\t",
];

const FLAGS: &[&str] = &["", "i", "u", "iu", "dgimsuy", "v", "iv", "dgimsvy"];

/// All of one and two parts, and many longer ones, with each set of flags that this Node knows.
pub fn portable(major: u32) -> Vec<Value> {
    let mut sources: BTreeSet<String> = PARTS.iter().map(|part| part.to_string()).collect();
    for first in PARTS {
        sources.extend(PARTS.iter().map(|second| format!("{first}{second}")));
    }
    let mut random = 1u32;
    for _ in 0..60_000 {
        let mut source = String::new();
        let length = 3 + random % 6;
        for _ in 0..length {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            source.push_str(PARTS[random as usize % PARTS.len()]);
        }
        sources.insert(source);
    }
    // As large as they may be.
    sources.insert("(a{9999}".repeat(100) + &"){9999}".repeat(100));
    sources.insert("[a-z0-9_]".repeat(1800));
    sources.insert("a|".repeat(8000));
    let flags: Vec<RegExpFlags> = FLAGS.iter().filter_map(|flags| RegExpFlags::from_letters(flags)).collect();
    let known = |flags: &RegExpFlags| major >= 20 || !flags.contains(RegExpFlags::UNICODE_SETS);
    let known: Vec<RegExpFlags> = flags.into_iter().filter(known).collect();
    let all = sources.iter().flat_map(|source| {
        known.iter().map(|flags| RegExp { source: source.as_str().into(), flags: *flags })
    });
    all.filter(RegExp::is_portable).map(|regexp| Value::RegExp(Box::new(regexp))).collect()
}
