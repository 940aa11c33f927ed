//! Which regular expressions are sent: one that V8 refuses would end the Node process that reads it. That
//! each Node agrees is tested in `test/interop/values.test.mjs`, with many more patterns.

#[path = "regexp/bounds.rs"]
mod bounds;

use crossfork::v8::{JsString, Kind, Options, RegExp, RegExpFlags, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::kit::newest;

fn regexp(source: &str, flags: &str) -> RegExp {
    RegExp { source: source.into(), flags: RegExpFlags::from_letters(flags).expect("known flags") }
}

fn encode(regexp: RegExp, options: &Options) -> Result<Vec<u8>, Kind> {
    Value::RegExp(Box::new(regexp)).encode(options).map_err(|error| error.kind().clone())
}

/// Whether it is sent without `u` and `v`, with `u`, and with `v` to a Node that has it; a letter for each.
/// Other flags must not matter.
fn sent(source: &str) -> String {
    let modes = [
        ('-', Options::new(), ["", "g", "i", "m", "s", "y", "d", "dgimsy"].as_slice()),
        ('u', Options::new(), ["u", "iu", "dgimsuy"].as_slice()),
        ('v', Options::new().oldest_node(20), ["v", "iv", "dgimsvy"].as_slice()),
    ];
    let mut found = String::new();
    for (letter, options, all) in modes {
        let sent: Vec<bool> =
            all.iter().map(|flags| encode(regexp(source, flags), &options).is_ok()).collect();
        assert!(sent.iter().all(|one| *one == sent[0]), "/{source}/ with {all:?}: {sent:?}");
        found.extend(sent[0].then_some(letter));
    }
    found
}

#[track_caller]
fn each_is_sent(modes: &str, sources: &[&str]) {
    for source in sources {
        assert_eq!(sent(source), modes, "/{source}/");
    }
}

#[test]
fn never_2_ordinary_expressions_are_sent() {
    for (source, flags) in [
        (r"[\w-]+", ""),
        (r"\p{L}", "u"),
        (r"(a)\1", ""),
        ("[/]", ""),
        (r"\u{1F600}", "u"),
        (r"[.*+?^${}()|[\]\\]", "g"),
        (r"^[^\s@]+@[^\s@]+\.[^\s@]+$", ""),
        (r"<(\w+)[^>]*>.*?<\/\1>", "gs"),
        (r"[-[\]{}()*+?.,\\^$|#\s]", "g"),
        (r"(?<quote>['\u{22}]).*?\k<quote>", "u"),
        (r"[\p{Script=Greek}--[Α-Ω]]", "v"),
        (r"a{,5}", ""),
        ("a/b\n", ""),
    ] {
        let options = Options::new().oldest_node(if flags == "v" { 20 } else { 18 });
        assert!(encode(regexp(source, flags), &options).is_ok(), "/{source}/{flags}");
    }
}

#[test]
fn never_2_patterns_valid_under_every_flag_are_sent_under_every_flag() {
    each_is_sent(
        "-uv",
        &[
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
            "a{99999}",
            "a{1,99999}",
            "a{2147483648,2147483647}",
            "(?<\u{e9}>a)",
            "(?<größe>a)\\k<größe>",
            "(?<$>a)(?<\\u0061>b)",
            "\\0",
            "\\cA",
            "\\u{41}",
            "\\ud800",
            "\\udfff",
            "[a&&b]",
            "[&]",
            "[^^]",
            "[$]",
            "[*]",
            "[+]",
            "[<]",
            "[~]",
            "[`]",
            "[\\b]",
            "[\u{1f600}]",
            "[\\ud800]",
            "[a-\u{1f600}]",
            "/",
            "a/b",
            "a\nb",
            "\r",
            "\u{2028}",
            "\u{2029}",
            "\\1(a)",
            "(a)\\1",
            "\\k<a>(?<a>b)",
            "\\p{L}",
            "\\P{L}",
            "[\\p{L}]",
        ],
    );
}

#[test]
fn never_2_annex_b_patterns_are_sent_only_without_u_and_v() {
    each_is_sent(
        "-",
        &[
            "]",
            "a]",
            "{",
            "}",
            "a{",
            "(?=a)*",
            "(?!a){2}",
            "a{}",
            "a{,5}",
            "a{x}",
            "a{1",
            "a{1,",
            "a{1,x}",
            "a{ 1}",
            "a{-1}",
            "\\1",
            "(a)\\2",
            "\\00",
            "\\8",
            "\\k<a>",
            "\\k",
            "\\p",
            "\\p{Nope}",
            "\\p{l}",
            "\\p{}",
            "\\p{ L}",
            "\\p{L",
            "\\p{gc=Latin}",
            "\\p{sc=}",
            "\\p{Any=Yes}",
            "\\P{RGI_Emoji}",
            "\\p{sc=Kawi}",
            "\\c",
            "\\a",
            "\\e",
            "\\x",
            "\\x4",
            "\\xg0",
            "\\u",
            "\\u00",
            "\\u{110000}",
            "\\u{}",
            "\\-",
            "\\_",
            "\\ ",
            "\\\u{e9}",
            "\\x\u{e9}9",
            "[\\d-x]",
            "[x-\\d]",
            "[\\B]",
            "[\\c]",
            "[\\cA-\\c_]",
            "[\\_]",
            "[\\1]",
            "[\\k]",
            "[\\00-\\377]",
        ],
    );
    // Halves of characters are what a class without `u` is made of: here they are out of order.
    each_is_sent("uv", &["[\u{1f600}-\u{1f601}]"]);
}

#[test]
fn never_2_class_syntax_of_the_v_flag_is_checked() {
    each_is_sent(
        "-u",
        &[
            "[a-]", "[-a]", "[-]", "[a-b-c]", "[[]", "[()]", "[{}]", "[/]", "[|]", "[!!]", "[##]", "[::]",
            "[..]", "[==]", "[,,]",
        ],
    );
    each_is_sent("v", &["[a--b]"]);
    each_is_sent(
        "-v",
        &[
            "\\p{RGI_Emoji}",
            "[\\p{RGI_Emoji}a]",
            "[\\q{ab|c}a-z]",
            "[\\q{ab}&&a]",
            "[^\\q{a|b}]",
            "[^\\q{ab}&&a]",
            "[^a&&\\q{ab}]",
            "[a-z[0-9]]",
            "[\\w--[a-z]--\\d]",
            "[^[a&&b]c]",
            "[\\&]",
        ],
    );
    // Only what matches characters alone can be negated.
    each_is_sent(
        "-",
        &["[^\\q{ab}]", "[^\\q{}]", "[^\\p{RGI_Emoji}]", "[^[\\q{ab}]]", "[^\\q{ab}&&\\q{ab}]"],
    );
    each_is_sent("", &["[b--a", "[a&&b--c"]);
}

#[test]
fn never_2_patterns_that_v8_refuses_are_not_sent() {
    each_is_sent(
        "",
        &[
            "(",
            ")",
            "(a",
            "a)",
            "[",
            "[a",
            "[a-",
            "[\\",
            "(?:",
            "(?",
            "(?<",
            "(?<a",
            "(?<a>",
            "(?<=a",
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
            "(?<=a)+",
            "a{2,1}",
            "{2}",
            "(?a)",
            "(?>a)",
            "(?#a)",
            "(?P<n>a)",
            "(?<1>a)",
            "(?<>a)",
            "(?<a-b>c)",
            "(?<a\\u>c)",
            "(?<a>b)(?<a>c)",
            "(?<a>(?<a>b))",
            "(?<a>b)|(?<b>c)(?<b>d)",
            "((?<a>b)|c)(?<a>d)",
            "(?'a'b)",
            "(??)",
            "(?-:a)",
            "(?ii:a)",
            "(?i-i:a)",
            "(?u:a)",
            "(?i",
            "\\",
            "[b-a]",
            "[z-\\x41]",
            "(?<a>b)\\k<c>",
            "(?<a>b)\\k",
            "(?<a>b)[\\k]",
            "\\k(?<a>b)",
        ],
    );
    for source in ["(", "[b-a]", "(?<a>b)(?<a>c)", "*"] {
        let error = Value::RegExp(Box::new(regexp(source, ""))).encode(&newest()).expect_err("V8 refuses it");
        assert!(matches!(error.kind(), Kind::Invalid(_)), "{error}");
    }
    let error = regexp("(a", "").first_node().expect_err("V8 refuses it").to_string();
    assert!(error.contains("(a group is not closed)") && error.contains("SyntaxError"), "{error}");
}

proptest! {
    /// Every pattern gets an answer. Patterns come from peers, too.
    #[test]
    fn never_2_any_pattern_is_accepted_or_refused_without_panic(
        parts in vec(prop_oneof![
            select(&["(", ")", "[", "]", "{", "}", "|", "?", "*", "\\", "<", ">", "=", "!", ":", "-", "^", "&", "&&", "--"][..])
                .prop_map(|part| part.encode_utf16().collect::<Vec<u16>>()),
            select(&["k", "p", "q", "u", "x", "c", "i", "1", "9", ",", "a", "u{", "p{L}", "q{", "(?<a>", "\\k<a>"][..])
                .prop_map(|part| part.encode_utf16().collect()),
            any::<u16>().prop_map(|unit| vec![unit]),
        ], 0..40),
        flags in 0..512u32,
    ) {
        let regexp = RegExp { source: JsString::from_utf16(&parts.concat()), flags: RegExpFlags(flags) };
        let portable = regexp.first_node() == Ok(18);
        prop_assert_eq!(regexp.is_portable(), portable);
        prop_assert_eq!(encode(regexp, &Options::new()).is_ok(), portable);
    }
}

/// A received expression is kept, whether it may be sent or not.
#[test]
fn adv_6_any_expression_is_read() {
    let value = crate::kit::value("52 2203 285c31 40");
    assert_eq!(value, Value::RegExp(Box::new(RegExp { source: "(\\1".into(), flags: RegExpFlags::LINEAR })));
    assert_eq!(value.to_string(), "/(\\1/l");
}
