//! Which flags, how much, and what only newer Nodes compile.

use crossfork::v8::{JsString, Kind, Options, RegExp, RegExpFlags};

use super::{encode, regexp};

#[test]
fn never_2_newer_patterns_are_sent_only_to_newer_nodes() {
    for (source, flags, since) in [
        ("a", "v", 20),
        ("(?i:a)", "", 24),
        ("(?ims:a)(?-i:b)(?i-ms:c)(?i-:d)", "u", 24),
        ("(?i:a)", "v", 24),
        ("(?<a>b)|(?<a>c)", "", 24),
        ("(?:(?<a>b)|(?<a>c))\\k<a>", "u", 24),
        ("(?<a>b)|((?<a>c)|(?<a>d))", "", 24),
    ] {
        assert_eq!(regexp(source, flags).first_node(), Ok(since), "/{source}/{flags}");
        assert!(!regexp(source, flags).is_portable(), "/{source}/{flags}");
        let before = encode(regexp(source, flags), &Options::new().oldest_node(since - 1));
        assert!(matches!(before, Err(Kind::TooNew { since: said, .. }) if said == since), "{before:?}");
        assert!(encode(regexp(source, flags), &Options::new().oldest_node(since)).is_ok());
    }
}

#[test]
fn never_2_lone_surrogates_are_sent() {
    let of = |units: &[u16], flags| RegExp { source: JsString::from_utf16(units), ..regexp("", flags) };
    for flags in ["", "u"] {
        assert!(of(&[0x61, 0xd800], flags).is_portable());
        assert!(of(&[0x5b, 0xd800, 0x2d, 0xdfff, 0x5d], flags).is_portable());
        assert!(!of(&[0x5b, 0xdfff, 0x2d, 0xd800, 0x5d], flags).is_portable());
    }
}

#[test]
fn never_2_flags_that_some_nodes_lack_are_refused() {
    let with = |flags| RegExp { source: "a".into(), flags: RegExpFlags(flags) }.first_node().ok();
    for flags in 0..512 {
        let flags = RegExpFlags(flags);
        let both = flags.contains(RegExpFlags::UNICODE | RegExpFlags::UNICODE_SETS);
        let since = if flags.contains(RegExpFlags::UNICODE_SETS) { 20 } else { 18 };
        let sent = !both && !flags.contains(RegExpFlags::LINEAR);
        assert_eq!(with(flags.0), sent.then_some(since), "{}", flags.letters());
    }
    for unknown in 9..32 {
        assert_eq!(with(1 << unknown), None, "bit {unknown}");
    }
}

#[test]
fn never_2_expressions_that_may_be_too_large_for_v8_are_refused() {
    let sent = |source: &str, flags| regexp(source, flags).first_node().is_ok();
    assert!(sent(&"a".repeat(256 * 1024), ""));
    assert!(!sent(&"a".repeat(256 * 1024 + 1), ""));
    let nested = |open: &str, close: &str, n: usize| format!("{}{}", open.repeat(n), close.repeat(n));
    for open in ["(", "(?:", "(?=", "(?<!"] {
        assert!(sent(&nested(open, ")", 10_000), ""));
        assert!(!sent(&nested(open, ")", 10_001), ""));
    }
    assert!(!sent(&"()".repeat(10_001), ""));
    assert!(sent(&nested("[", "]", 100), "v"));
    assert!(!sent(&nested("[", "]", 101), "v"));
    assert!(!sent(&"[".repeat(256 * 1024), "v"));
}

#[test]
fn adv_6_flags_have_javascripts_letters() {
    for (letters, bits) in
        [("g", 1), ("i", 2), ("m", 4), ("y", 8), ("u", 16), ("s", 32), ("l", 64), ("d", 128), ("v", 256)]
    {
        assert_eq!(RegExpFlags::from_letters(letters), Some(RegExpFlags(bits)));
        assert_eq!(RegExpFlags(bits).letters(), letters);
    }
    assert_eq!(RegExpFlags::from_letters("yusmgid").map(RegExpFlags::letters).as_deref(), Some("dgimsuy"));
    assert_eq!(RegExpFlags(0).letters(), "");
    for wrong in ["x", "gg", "G", " "] {
        assert_eq!(RegExpFlags::from_letters(wrong), None, "{wrong}");
    }
    assert_eq!(RegExpFlags::GLOBAL | RegExpFlags::STICKY, RegExpFlags(9));
}
