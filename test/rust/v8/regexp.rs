//! Which regular expressions are sent: an invalid one would end the Node process that reads it.
//! That real ones take all of these is tested in `test/interop/v8.test.mjs`.

use crossfork::v8::{Kind, Options, RegExp, RegExpFlags, Value};

use crate::kit::newest;

fn regexp(source: &str, flags: &str) -> RegExp {
    RegExp { source: source.into(), flags: RegExpFlags::from_letters(flags).expect("known flags") }
}

/// Whether it is sent, under every flag alike.
fn is_portable(source: &str) -> bool {
    let of = |flags| regexp(source, flags).is_portable();
    let found = of("");
    for flags in ["g", "i", "m", "s", "u", "v", "y", "d", "dgimsuy", "dgimsvy"] {
        assert_eq!(of(flags), found, "/{source}/{flags}");
    }
    found
}

#[test]
fn never_2_expressions_of_everyday_are_sent() {
    for source in [
        "",
        "a",
        "abc def",
        "a|b|",
        "|",
        "()",
        "(a)(b(c))",
        "(?:a|b)+?c*",
        "(?=a)b(?!c)",
        "(?<=a)b(?<!c)",
        "(?<year>[0-9]{4})-(?<month>[0-9]{2})",
        "(?<_a1>x)",
        "^a$",
        "\\bword\\B",
        "a{3}b{3,}c{3,5}d{0,0}?",
        "a*?b+?c??",
        "[]",
        "[^]",
        "[abc]",
        "[^a-z0-9_]",
        "[\\d\\w\\s\\D\\W\\S]",
        "[\\-\\]\\\\\\^]",
        "[a\\-z]",
        "[\\x00-\\x7f\\u0080-\\uffff]",
        "[ .,:;'\"=#@%]",
        "[\u{e9}-\u{4e2d}]",
        "\\d+\\.\\d*",
        "\\^\\$\\\\\\.\\*\\+\\?\\(\\)\\[\\]\\{\\}\\|\\/",
        "\\f\\n\\r\\t\\v",
        "\\x41\\u0041\\u20ac",
        "\u{20ac}\u{1f600}+",
        "https?:\\/\\/[^ ]+",
        "-_:,;<>=!\"'#%&@~`",
    ] {
        assert!(is_portable(source), "/{source}/");
    }
}

#[test]
fn never_2_what_is_not_certain_is_refused() {
    for source in [
        // Not closed, or not opened.
        "(",
        ")",
        "(a",
        "a)",
        "[",
        "[a",
        "]",
        "a]",
        "{",
        "}",
        "a{",
        "(?:",
        "(?",
        "(?<",
        "(?<a",
        "(?<a>",
        "(?<=a",
        // Nothing to repeat, or repeated twice.
        "*",
        "+",
        "?",
        "{1}",
        "^*",
        "$+",
        "|*",
        "(*)",
        "a**",
        "a+*",
        "a???",
        "a{1}{2}",
        "\\b+",
        "(?=a)*",
        "(?<=a)+",
        // Ranges of repetition that are none, or too large.
        "a{",
        "a{}",
        "a{,5}",
        "a{x}",
        "a{1",
        "a{1,",
        "a{2,1}",
        "a{1,x}",
        "a{ 1}",
        "a{99999}",
        "a{1,99999}",
        "a{-1}",
        // Groups that not all know, and names.
        "(?a)",
        "(?i:a)",
        "(?>a)",
        "(?#a)",
        "(?P<n>a)",
        "(?<1>a)",
        "(?<>a)",
        "(?<a-b>c)",
        "(?<a>b)(?<a>c)",
        "(?<\u{e9}>a)",
        "(?<a>b)|(?<a>c)",
        "(?'a'b)",
        "(??)",
        // Escapes that depend on flags, or are none.
        "\\",
        "\\1",
        "\\0",
        "\\00",
        "\\8",
        "\\k<a>",
        "\\k",
        "\\p{L}",
        "\\p",
        "\\P{L}",
        "\\c",
        "\\cA",
        "\\a",
        "\\e",
        "\\x",
        "\\x4",
        "\\xg0",
        "\\u",
        "\\u00",
        "\\u{41}",
        "\\ud800",
        "\\udfff",
        "\\-",
        "\\_",
        "\\ ",
        "\\\u{e9}",
        "\\x\u{e9}9",
        // Classes: out of order, with sets at an end, and what `v` has for itself.
        "[b-a]",
        "[z-\\x41]",
        "[\\d-x]",
        "[x-\\d]",
        "[a-]",
        "[-a]",
        "[-]",
        "[a-b-c]",
        "[[]",
        "[()]",
        "[{}]",
        "[/]",
        "[|]",
        "[a&&b]",
        "[&]",
        "[a--b]",
        "[!!]",
        "[##]",
        "[::]",
        "[..]",
        "[==]",
        "[,,]",
        "[^^]",
        "[$]",
        "[*]",
        "[+]",
        "[<]",
        "[~]",
        "[`]",
        "[\\b]",
        "[\\B]",
        "[\\c]",
        "[\\q{a}]",
        "[\\p{L}]",
        "[\u{1f600}]",
        "[\\ud800]",
        "[\\_]",
        "[a-\u{1f600}]",
        // What ends a literal.
        "/",
        "a/b",
        "a\nb",
        "\r",
        "\u{2028}",
        "\u{2029}",
    ] {
        assert!(!is_portable(source), "/{source}/");
        let value = Value::RegExp(Box::new(regexp(source, "")));
        let error = value.encode(&newest()).expect_err("is not certain");
        assert!(matches!(error.kind(), Kind::Invalid(_)), "{error}");
    }
    let lone = v8_regexp_of(&[0x61, 0xd800]);
    assert!(!lone.is_portable());
}

fn v8_regexp_of(units: &[u16]) -> RegExp {
    RegExp { source: crossfork::v8::JsString::from_utf16(units), flags: RegExpFlags::default() }
}

#[test]
fn never_2_flags_that_not_every_node_takes_are_refused() {
    let with = |flags| RegExp { source: "a".into(), flags: RegExpFlags(flags) }.is_portable();
    for flags in 0..512 {
        let flags = RegExpFlags(flags);
        let both = flags.contains(RegExpFlags::UNICODE | RegExpFlags::UNICODE_SETS);
        assert_eq!(with(flags.0), !both && !flags.contains(RegExpFlags::LINEAR), "{}", flags.letters());
    }
    for unknown in 9..32 {
        assert!(!with(1 << unknown), "bit {unknown}");
    }
    // `v` came with Node 20 (NEVER-3).
    let v = Value::RegExp(Box::new(regexp("a", "v")));
    assert!(matches!(v.encode(&Options::new()).expect_err("is new").kind(), Kind::TooNew { since: 20, .. }));
}

#[test]
fn never_2_expressions_that_are_too_large_for_v8_are_refused() {
    assert!(is_portable(&"a".repeat(16 * 1024)));
    assert!(!is_portable(&"a".repeat(16 * 1024 + 1)));
    let groups = |n: usize| format!("{}{}", "(".repeat(n), ")".repeat(n));
    assert!(is_portable(&groups(100)));
    assert!(!is_portable(&groups(101)));
    assert!(!is_portable(&"()".repeat(101)));
}

#[test]
fn adv_6_flags_have_the_letters_that_javascript_gives_them() {
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

/// What was received is kept, be it portable or not.
#[test]
fn adv_6_any_expression_is_read() {
    let value = crate::kit::value("52 2203 285c31 40");
    assert_eq!(value, Value::RegExp(Box::new(RegExp { source: "(\\1".into(), flags: RegExpFlags::LINEAR })));
    assert_eq!(value.to_string(), "/(\\1/l");
}
