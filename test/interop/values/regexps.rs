//! Regular expressions, and what this crate says of them: which Node compiles them, if any is certain to.

use std::collections::BTreeSet;
use std::fmt::Write;

use crossfork::v8::{JsString, RegExp, RegExpFlags, Value};

use crate::patterns::{self, PARTS, Random};

const FLAGS: &[&str] = &["", "i", "u", "iu", "dgimsuy", "v", "iv", "dgimsvy"];

/// All patterns of one and two parts, and many longer ones.
fn sources() -> Vec<JsString> {
    let mut sources: BTreeSet<Vec<u16>> = BTreeSet::new();
    let mut add = |source: JsString| sources.insert(source.encode_utf16().collect());
    for first in PARTS {
        add((*first).into());
        for second in PARTS {
            add(format!("{first}{second}").into());
        }
    }
    let mut random = Random(1);
    for _ in 0..40_000 {
        add(patterns::pattern(&mut random));
    }
    // Each name of a property that this crate knows, and all other words of that file.
    let words = include_str!("../../../src/wire/v8/pattern/properties.rs")
        .split(|c: char| !c.is_alphanumeric() && c != '_');
    for word in words {
        for property in ["", "gc=", "General_Category=", "sc=", "Script=", "scx=", "Script_Extensions="] {
            add(format!("\\p{{{property}{word}}}").into());
        }
    }
    // Each letter that a name may have: as this crate says, which does not know many.
    for letter in (0xa0..0xffff).step_by(23).filter_map(char::from_u32) {
        let named = RegExp { source: format!("(?<{letter}>)").into(), flags: RegExpFlags::default() };
        if named.is_portable() {
            add(named.source);
        }
    }
    // As large as they may be.
    add(("(a{9999}".repeat(10_000) + &"){9999}".repeat(10_000)).into());
    add(("[".repeat(100) + &"]".repeat(100)).into());
    add("[a-z0-9_]".repeat(29_000).into());
    add("a|".repeat(131_072).into());
    sources.iter().map(|units| JsString::from_utf16(units)).collect()
}

fn all() -> impl Iterator<Item = RegExp> {
    let with = |source: JsString| {
        FLAGS
            .iter()
            .filter_map(|letters| RegExpFlags::from_letters(letters))
            .map(move |flags| RegExp { source: source.clone(), flags })
    };
    sources().into_iter().flat_map(with)
}

/// Every seventh of those that this Node takes, as this crate says, and that come back as they were.
pub fn for_node(major: u32) -> Vec<Value> {
    let sent = |regexp: &RegExp| regexp.first_node().is_ok_and(|node| node <= major);
    let chosen = all().step_by(7).filter(|regexp| comes_back(&regexp.source) && sent(regexp));
    chosen.map(|regexp| Value::RegExp(Box::new(regexp))).collect()
}

/// Whether V8 keeps it as it is: what cannot stand between slashes comes back in another form.
fn comes_back(source: &JsString) -> bool {
    let keeps = |unit: u16| !['/', '\n', '\r', '\u{2028}', '\u{2029}'].map(|c| c as u16).contains(&unit);
    source != "" && source.encode_utf16().all(keeps)
}

/// One line each, of every n-th, for `compile.cjs`: a string as JSON, the flags, and the first Node, or 0.
pub fn judged(n: usize) -> String {
    let mut text = String::new();
    for regexp in all().step_by(n) {
        text.push('"');
        for unit in regexp.source.encode_utf16() {
            let _ = write!(text, "\\u{unit:04x}");
        }
        let _ = writeln!(text, "\" {} {}", regexp.first_node().unwrap_or(0), regexp.flags.letters());
    }
    text
}
